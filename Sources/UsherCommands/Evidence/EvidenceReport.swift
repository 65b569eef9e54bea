internal import UsherEvidence
internal import UsherTicket
internal import UsherWire

/// What verification found, for people and for programs.
enum EvidenceReport {
    static func text(_ verdict: EvidenceVerdict, hasAnchors: Bool, style: Style) -> String {
        var record = Record()
        record.add("verdict", verdict.isSound ? "sound" : "not sound", tone: verdict.isSound ? .good : .bad)
        record.add("host", verdict.host)
        record.add("files", String(verdict.files))
        record.add("lines", String(verdict.lines))
        if let first = verdict.first, let last = verdict.last { record.add("sequence", "\(first) to \(last)") }
        record.add("checkpoints", String(verdict.checkpoints))
        if let anchored = verdict.anchoredTo {
            record.add("complete to", "line \(anchored), by an anchor", tone: .good)
        } else {
            let why = hasAnchors ? "the log agrees with no anchor" : "no anchor was given"
            record.add("complete to", "not known: \(why)", tone: .attention)
        }
        record.add(
            "signed to", verdict.signedTo.map { "line \($0)" } ?? "nothing is signed",
            tone: verdict.signedTo == nil ? .attention : .plain)
        let unsigned = verdict.unsigned
        record.add(
            "behind that",
            unsigned > 0
                ? "\(counted(Int(unsigned), "line")), chained but not signed; whether more followed is not known"
                : "whether more lines followed is not known", tone: .faint)
        var text = record.text(style: style)
        guard !verdict.isSound else { return text }
        var table = Table(["FAULT", "FILE", "LINE", "SEQUENCE", "WHAT"])
        for fault in verdict.faults {
            table.rows.append([
                Cell(fault.kind.rawValue, tone: .bad), Cell(fault.place.file), Cell(String(fault.place.line)),
                Cell(fault.sequence.map { String($0) } ?? "-"), Cell(fault.detail),
            ])
        }
        text += "\n" + table.text(style: style)
        let more = verdict.faultCount - verdict.faults.count
        if more > 0 { text += "and \(counted(more, "fault")) more\n" }
        return text
    }

    static func text(_ verdict: EvidencePackage.Verdict, style: Style) -> String {
        var record = Record()
        record.add("verdict", verdict.isSound ? "sound" : "not sound", tone: verdict.isSound ? .good : .bad)
        record.add("session", verdict.session)
        record.add("host", verdict.host)
        record.add("made", Moment(verdict.madeAt).iso)
        record.add("files", verdict.files.joined(separator: " "))
        if verdict.keyIsItsOwn {
            record.add("key", "\(verdict.key.keyID), the package's own: compare it with the host's", tone: .attention)
        } else {
            record.add("key", verdict.key.keyID)
        }
        record.add("records", String(verdict.sessionLines))
        record.add("signed to", verdict.evidence.signedTo.map { "line \($0)" } ?? "nothing is signed")
        record.add("behind that", counted(Int(verdict.evidence.unsigned), "line"))
        if let receipt = verdict.receipt {
            record.add("receipt", "signed: ended by \(receipt.receipt.by), \(receipt.leftCount) left")
        } else {
            record.add("receipt", "none", tone: .attention)
        }
        var text = record.text(style: style)
        for problem in verdict.problems { text += "fault\t\(Printable.line(problem))\n" }
        for fault in verdict.evidence.faults { text += "fault\t\(Printable.line(fault.description))\n" }
        return text
    }

    static func json(_ verdict: EvidencePackage.Verdict) -> JSONValue {
        .record([
            "sound": .boolean(verdict.isSound), "session": .text(verdict.session), "host": .text(verdict.host),
            "madeAt": .integer(verdict.madeAt), "files": .texts(verdict.files), "kid": .text(verdict.key.keyID),
            "keyIsItsOwn": .boolean(verdict.keyIsItsOwn), "records": .number(verdict.sessionLines),
            "receipt": .boolean(verdict.receipt != nil), "left": verdict.receipt.map { .number($0.leftCount) },
            "problems": .texts(verdict.problems), "evidence": json(verdict.evidence),
        ])
    }

    static func json(_ verdict: EvidenceVerdict) -> JSONValue {
        .record([
            "sound": .boolean(verdict.isSound), "host": verdict.host.map { .text($0) },
            "files": .number(verdict.files), "lines": .integer(verdict.lines),
            "first": verdict.first.map { .integer($0) }, "last": verdict.last.map { .integer($0) },
            "checkpoints": .number(verdict.checkpoints), "completeTo": verdict.anchoredTo.map { .integer($0) },
            "signedTo": verdict.signedTo.map { .integer($0) }, "unsigned": .integer(verdict.unsigned),
            "faultCount": .number(verdict.faultCount),
            "faults": .array(
                verdict.faults.map { fault in
                    .record([
                        "kind": .text(fault.kind.rawValue), "file": .text(fault.place.file),
                        "line": .number(fault.place.line), "sequence": fault.sequence.map { .integer($0) },
                        "detail": .text(fault.detail),
                    ])
                }),
        ])
    }
}
