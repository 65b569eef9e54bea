// UsherAgent
