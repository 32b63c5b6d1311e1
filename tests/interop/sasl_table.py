# Shared by the SASL tests: logins, the mechanisms, and the table of peers that each was tried against.

PASSWORD = "s3cret-Pässwörd"
ASCII_PASSWORD = "plain-s3cret"
FROM, TO = "sender@client.example", "reader@test.example"
PLUS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS")
OTHERS = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")
TOKENS = ("XOAUTH2", "OAUTHBEARER")
ANN = "ann@client.example"
TRIED = {}


def tried(side, mechanism, peer):
    """Records for the table at the end that a peer and Postroad agreed on a mechanism."""
    TRIED.setdefault((mechanism.upper(), side), []).append(peer)


def print_table():
    print(f"\n{'mechanism':<20} {'side':<7} tried against")
    for mechanism in ("EXTERNAL", *PLUS, *OTHERS, *TOKENS):
        for side in ("server", "client"):
            names = sorted(set(TRIED.get((mechanism, side), [])))
            print(f"{mechanism:<20} {side:<7} {', '.join(names) or '-'}")
