// UsherTicket
