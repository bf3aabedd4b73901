"""What the policies do, told as stories; and that their engine does it once, whatever happens."""
