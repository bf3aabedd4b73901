"""What somebody has promised to do, and by when."""
