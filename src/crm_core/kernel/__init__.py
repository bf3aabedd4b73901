"""The words everything else is said in: messages, deciders, money, time, ids, personal data. Pure: no I/O, no clock."""
