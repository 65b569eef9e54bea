/// The version of Usher that this is.
public enum Version {
    public static let current: StaticString = "0.1.0"
}
