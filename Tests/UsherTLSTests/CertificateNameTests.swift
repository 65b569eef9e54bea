import Testing

@testable import UsherTLS

@Suite struct CertificateNameTests {
    @Test(arguments: [
        ("siem.example", "siem.example", true), ("SIEM.example", "siem.EXAMPLE", true),
        ("*.example", "siem.example", true), ("*.Example", "siem.example", true),
        ("siem.example", "siem.example.net", false), ("siem.example", "xsiem.example", false),
        ("*.example", "a.siem.example", false), ("*.example", "example", false), ("*.example", ".example", false),
        ("s*.example", "siem.example", false), ("*", "siem", false), ("", "siem.example", false),
        ("*.", "siem.", true), ("siem.example.", "siem.example", false), ("siem.example\u{0}", "siem.example", false),
    ])
    func onlyTheNameOrAWholeFirstLabelMatches(pattern: String, name: String, matches: Bool) {
        #expect(CertificateName.matches(Array(pattern.utf8), Array(name.utf8)) == matches)
    }
}
