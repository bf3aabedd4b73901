"""The program `crm`: its verbs, its errors, its documentation."""
