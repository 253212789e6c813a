"""From a raw page or text to clean text, language and fingerprint. Pure: no Beam, Kafka, SQL, files or clock.

``clean`` gives title, text, authors and date; ``language`` the language; ``fingerprint`` the MinHash signature. Each is a
function of its arguments alone, so a replay gives what the live run gave.
"""
