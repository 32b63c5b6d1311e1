# VRFY and EXPN: off by default (252, 502), with the same reply for known and unknown names; truthful if the configuration enables
# them.
import unittest

import by_hand
import postroad

LOCAL = {"domains": ["here.example"], "mailboxes": ["ann", "bob"], "aliases": ["team: ann, bob"]}


class VrfyExpn(unittest.TestCase):
    def ask(self, listener, *lines):
        with postroad.Server({"local": LOCAL, "listener": [{"role": "mx", **listener}]}) as server:
            with by_hand.Session(server.port) as session:
                ehlo = session.say("EHLO client.example")
                return ehlo, [session.say(line) for line in lines]

    def test_off_by_default_and_says_the_same_of_everybody(self):
        ehlo, answers = self.ask({}, "VRFY ann", "VRFY nobody", "EXPN team", "EXPN nothing")
        self.assertEqual([one[:3] for one in answers], ["252", "252", "502", "502"])
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(answers[2], answers[3])
        self.assertNotIn("VRFY", ehlo)
        self.assertNotIn("EXPN", ehlo)

    def test_on_and_truthful(self):
        ehlo, answers = self.ask({"vrfy": True, "expn": True}, "VRFY ann", "VRFY <bob@here.example>", "VRFY nobody", "VRFY a@elsewhere.example",
                                 "EXPN team", "EXPN ann", "VRFY")
        self.assertIn("VRFY", ehlo)
        self.assertEqual([one[:3] for one in answers], ["250", "250", "550", "252", "250", "550", "501"])
        self.assertIn("<ann@here.example>", answers[0])
        self.assertEqual([line[4:] for line in answers[4].split("\n")], ["2.1.5 <ann@here.example>", "2.1.5 <bob@here.example>"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
