import UsherCommands
import UsherTLS

Programs.usher(connector: TLSConnector())
