#: line = ["-m", "calendar", "2026", "2"]
