import Testing

@testable import UsherCommands

@Suite struct TimeSpanTests {
    @Test(
        arguments: [
            ("90", 90), ("0", 0), ("90s", 90), ("15m", 900), ("1h", 3600), ("1h30m", 5400), ("2d", 172_800),
            ("1d1h1m1s", 90_061), ("120m", 7200), ("007", 7), ("366d", 31_622_400),
        ] as [(String, Int64)])
    func aLengthIsReadAsAPersonWritesIt(_ text: String, _ seconds: Int64) {
        #expect(TimeSpan(argument: text)?.seconds == seconds)
    }

    @Test(arguments: [
        "", "m", "h30m", "1h30", "30m1h", "1m1m", "1.5h", "-5", "+5", "1 h", " 5", "5 ", "5x", "1H", "1w", "٣m", "5m\n",
        "99999999999999999999", "367d", "31622401", "1h99999999d", "0x10", "∞",
    ])
    func junkIsNoLength(_ text: String) {
        #expect(TimeSpan(argument: text) == nil)
    }

    @Test(
        arguments: [
            (0, "0s"), (8, "8s"), (900, "15m"), (5400, "1h 30m"), (3601, "1h 1s"), (90_061, "1d 1h"), (-300, "5m"),
        ] as [(Int64, String)])
    func aLengthIsWrittenInItsTwoLargestUnits(_ seconds: Int64, _ text: String) {
        #expect(TimeSpan(seconds: seconds).text == text)
    }
}

@Suite struct MomentTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"), (-1, "1969-12-31T23:59:59Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] as [(Int64, String)])
    func programsGetUTC(_ seconds: Int64, _ text: String) {
        #expect(Moment(seconds).iso == text)
    }

    @Test func peopleGetTheirClockAndTheDistance() {
        let clock = Clock(now: 1_700_000_000, offset: { _ in 3600 })
        #expect(Moment(1_700_000_900).friendly(clock) == "23:28:20 (in 15m)")
        #expect(Moment(1_700_000_000).friendly(clock) == "23:13:20 (now)")
        #expect(Moment(1_700_003_600).friendly(clock) == "2023-11-15 00:13:20 (in 1h)")
        #expect(Moment(1_699_900_000).friendly(clock) == "2023-11-13 19:26:40 (1d 3h ago)")
    }

    @Test func aTimeOutOfAllRangeIsNoTrap() {
        #expect(Moment(.min).friendly(.utc(now: 1)).hasSuffix("(far away)"))
    }
}

@Suite struct TableTests {
    private var table: Table {
        var table = Table(["NAME", "STATE", "NOTE"])
        table.rows = [
            [Cell("a"), Cell("open", tone: .good), Cell(friendly: "soon", plain: "2023-11-14T22:13:20Z")],
            [Cell("longer-name"), Cell("closing", tone: .attention), Cell("-")],
        ]
        return table
    }

    @Test func inAPipeColumnsAreTabsAndTheHeaderStays() {
        #expect(
            table.text(style: .plain)
                == "NAME\tSTATE\tNOTE\na\topen\t2023-11-14T22:13:20Z\nlonger-name\tclosing\t-\n")
    }

    @Test func onATerminalColumnsAreAlignedWithoutTrailingBlanks() {
        let style = Style(isTerminal: true, usesColour: false)
        #expect(
            table.text(style: style) == """
                NAME         STATE    NOTE
                a            open     soon
                longer-name  closing  -

                """)
    }

    @Test func coloursDoNotChangeTheAlignment() {
        let coloured = table.text(style: Style(isTerminal: true, usesColour: true))
        #expect(coloured.contains("\u{1B}[1mNAME") && coloured.contains("\u{1B}[32mopen\u{1B}[0m"))
        let bare = coloured.replacing(#/\u{1B}\[[0-9]+m/#, with: "")
        #expect(bare == table.text(style: Style(isTerminal: true, usesColour: false)))
    }

    @Test func noColourAndDumbTerminalsGetNone() {
        #expect(!Style(isTerminal: true, noColour: "1", terminal: "xterm").usesColour)
        #expect(!Style(isTerminal: true, noColour: nil, terminal: "dumb").usesColour)
        #expect(!Style(isTerminal: false, noColour: nil, terminal: "xterm").usesColour)
        #expect(Style(isTerminal: true, noColour: "", terminal: "xterm").usesColour)
    }

    @Test func textFromElsewhereCannotSteerTheTerminalOrBreakALine() {
        var table = Table(["A", "B"])
        table.rows = [[Cell("\u{1B}[2Jx\ny\tz"), Cell("\u{202E}evil\u{9B}31m\r")]]
        for style in [Style.plain, Style(isTerminal: true, usesColour: false)] {
            let text = table.text(style: style)
            #expect(text.split(separator: "\n").count == 2)
            #expect(
                text.unicodeScalars.allSatisfy { $0 == "\n" || $0 == "\t" || ($0.value >= 0x20 && $0.value < 0x7F) })
            #expect(text.contains("\\u{1b}[2Jx\\u{a}y\\u{9}z"))
        }
    }

    @Test func aRecordLeavesOutWhatIsAbsent() {
        var record = Record()
        record.add("id", "s-1")
        record.add("actor", nil)
        record.add("idle limit", Cell(friendly: "15m", plain: "900"))
        #expect(record.text(style: .plain) == "id\ts-1\nidle limit\t900\n")
        #expect(record.text(style: Style(isTerminal: true, usesColour: false)) == "id          s-1\nidle limit  15m\n")
    }
}

@Suite struct IdentifierTests {
    @Test func aReferenceIsReadInEitherCase() {
        #expect(RefusalReference(argument: "7f3k-q2")?.text == "7F3K-Q2")
        for junk in ["", "7F3KQ2", "7F3K-Q", "7F3K-Q22", "7F3K_Q2", "0F3K-Q2", "IF3K-Q2", "7F3K-Q\u{FF12}"] {
            #expect(RefusalReference(argument: junk) == nil)
        }
    }

    @Test func aSessionIdHasOneForm() {
        #expect(SessionIdentifier(argument: "s-abcdefghij234567")?.text == "s-abcdefghij234567")
        for junk in ["", "s-", "s-abcdefghij23456", "s-abcdefghij2345678", "s-ABCDEFGHIJ234567", "h-abcdefghij234567"] {
            #expect(SessionIdentifier(argument: junk) == nil)
        }
    }
}
