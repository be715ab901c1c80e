#: line = ["-m", "http.server", "--help"]
#: environment = { COLUMNS = "80" }
