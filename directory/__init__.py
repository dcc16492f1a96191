"""What the directory should hold: people, schools, classes, groups, memberships."""
