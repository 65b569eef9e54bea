// UsherPAMCore
