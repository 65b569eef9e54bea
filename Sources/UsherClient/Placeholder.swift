// UsherClient
