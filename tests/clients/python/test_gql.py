"""gql 4.4.0 with its Phoenix transport: sends no vsn and so speaks V1, with integer refs. It does not reconnect."""

import asyncio
import unittest

from gql import Client, gql
from gql.transport.exceptions import TransportError
from gql.transport.phoenix_channel_websockets import PhoenixChannelWebsocketsTransport

from playground import ENDINGS, TIMEOUT, Playground


class Gql(unittest.IsolatedAsyncioTestCase):
    async def test_gql_4_4_0(self):
        with Playground() as playground:
            await self.query(playground)
            await self.subscribe(playground)
            for ending in ENDINGS:
                await self.outlive(playground, ending)

    def client(self, playground):
        transport = PhoenixChannelWebsocketsTransport(playground.websocket_url, heartbeat_interval=0.1)
        # Otherwise it would request Absinthe's schema.
        return Client(transport=transport, fetch_schema_from_transport=False, execute_timeout=TIMEOUT)

    async def query(self, playground):
        """The playground answers a document with its variables."""
        async with self.client(playground) as session:
            document = gql("query ($name: String) { name }")
            document.variable_values = {"name": "Alice"}
            self.assertEqual(await session.execute(document), {"name": "Alice"})

    async def subscribe(self, playground):
        """The reply contains an id, which the pushed results carry."""
        async with self.client(playground) as session:
            document = gql("subscription ($name: String) { name }")
            document.variable_values = {"name": "Bob"}
            results = session.subscribe(document)
            self.assertEqual(await asyncio.wait_for(anext(results), TIMEOUT), {"name": "Bob"})
            await results.aclose()

    async def outlive(self, playground, ending):
        session = await self.client(playground).connect_async()
        await asyncio.to_thread(playground.stop, ending)
        with self.assertRaises(TransportError):
            await session.execute(gql("query { name }"))
        await session.client.close_async()
        playground.start()
        await self.query(playground)


if __name__ == "__main__":
    unittest.main()
