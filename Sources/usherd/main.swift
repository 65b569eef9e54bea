import UsherCommands

await Programs.usherd()
