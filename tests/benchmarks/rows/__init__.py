"""One file, one row of the table: `TITLE`, and `cases(bench)`, which prepares and yields what is to be measured."""
