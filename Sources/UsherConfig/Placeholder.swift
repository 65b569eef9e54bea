// UsherConfig
