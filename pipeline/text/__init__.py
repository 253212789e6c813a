"""From a raw page or text to clean text, language and fingerprint. Pure: no Beam, Kafka, SQL, files or clock.

``language`` detects the language, ``dates`` reads dates, ``fingerprint`` makes the MinHash signature, ``encoder`` the
vector. Each is a function of its arguments alone, so a replay gives the same results as the live run.
"""
