// UsherPolicy
