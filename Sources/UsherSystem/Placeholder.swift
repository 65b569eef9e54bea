// UsherSystem
