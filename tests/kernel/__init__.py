"""What the kernel's own words do."""
