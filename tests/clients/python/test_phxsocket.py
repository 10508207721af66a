"""phxsocket 0.1.5: V1, integer refs from 0, a heartbeat every 5 s. The application must reconnect."""

import threading
import unittest

from phxsocket import Client

from playground import ENDINGS, TIMEOUT, Playground
from waiting import until_in_threads, within


class PhxSocket(unittest.TestCase):
    def test_phxsocket_0_1_5(self):
        with Playground() as playground:
            alice, bob = Client(playground.websocket_url), Client(playground.websocket_url)
            within("both connect", lambda: (alice.connect(), bob.connect()))
            room = alice.channel("room:1", {"from": "Alice"})
            self.assertEqual(within("Alice joins", room.join), {"from": "Alice"})
            self.assertEqual(self.ask(room, "echo", {"n": 1}), {"status": "ok", "response": {"n": 1}})

            shouts, news = [], []
            room.on("shout", shouts.append)
            room.on("news", news.append)
            bobs_room = bob.channel("room:1")
            within("Bob joins", bobs_room.join)
            self.ask(bobs_room, "shout", {"from": "Bob"})
            until_in_threads("Alice receives Bob's shout", lambda: shouts == [{"from": "Bob"}])
            playground.broadcast("room:1", "news", {"headline": "rain"})
            until_in_threads("Alice receives the news", lambda: news == [{"headline": "rain"}])

            self.see_presence(alice, bob)
            for ending in ENDINGS:
                self.reconnect(playground, alice, room, ending)
                playground.broadcast("room:1", "news", {"after": ending.name})
                until_in_threads("Alice receives the news", lambda: news[-1] == {"after": ending.name})

            closed = threading.Event()
            room.on_close = closed.set
            # The client's return value is broken; what counts is that the server closes the
            # channel.
            within("Alice leaves", room.leave)
            self.assertTrue(closed.wait(TIMEOUT))
            within("Alice disconnects", alice.close)

    def ask(self, channel, event, payload):
        push = channel.push(event, payload, reply=True)
        return within(event, push.wait_for_response)

    def see_presence(self, alice, bob):
        states, diffs = [], []
        crowd = alice.channel("presence:1", {"user": "alice", "device": "phone"})
        crowd.on("presence_state", states.append)
        crowd.on("presence_diff", diffs.append)
        within("Alice joins the crowd", crowd.join)
        until_in_threads("Alice sees herself", lambda: states and "alice" in states[0])
        within("Bob joins the crowd", bob.channel("presence:1", {"user": "bob", "device": "laptop"}).join)
        until_in_threads("Alice sees Bob", lambda: any("bob" in diff["joins"] for diff in diffs))

    def reconnect(self, playground, alice, room, ending):
        gone = threading.Event()
        alice.on_close = lambda _: gone.set()
        playground.stop(ending)
        self.assertTrue(gone.wait(TIMEOUT), f"the client was told after {ending.name}")
        playground.start()
        # The client reports the close before its thread has ended.
        alice.thread.join(TIMEOUT)
        within("Alice connects again", alice.connect)
        self.assertEqual(within("Alice joins again", room.join), {"from": "Alice"})
        self.assertEqual(self.ask(room, "echo", {"n": 2})["response"], {"n": 2})


if __name__ == "__main__":
    unittest.main()
