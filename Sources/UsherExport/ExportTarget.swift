/// Where evidence goes. An exporter opens it, delivers lines in their order, and closes it.
protocol ExportTarget: AnyObject {
    /// What it is, for messages and in the cursor: `syslog siem.example:6514`.
    var destination: String { get }
    /// Bytes of lines that were delivered and may be lost all the same when the connection ends; 0 where `deliver`
    /// returns with the lines kept for good.
    var uncertainBytes: Int { get }
    func open() throws(ExportError)
    /// Returns when the receiver's host has the lines, as far as can be known.
    func deliver(_ lines: [ExportLine]) throws(ExportError)
    /// Throws when the receiver has gone while there was nothing to deliver.
    func check() throws(ExportError)
    /// - Returns: whether the receiver is known to have read everything.
    func close() -> Bool
}
