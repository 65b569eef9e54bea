import UsherCommands

Programs.usher()
