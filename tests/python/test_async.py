"""The asynchronous client against a fake daemon."""
import asyncio
import threading
import unittest

from fake_daemon import FakeDaemon

import nanoflow_client as nf


class Async(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.daemon = FakeDaemon()
        self.client = nf.AsyncClient(self.daemon.endpoint)

    async def asyncTearDown(self):
        await self.client.close()
        self.daemon.stop()

    async def test_pieces_come_in_order_and_the_end_is_on_the_stream(self):
        stream = self.client.generate("a b c")
        self.assertEqual([p.text async for p in stream], ["a ", "b ", "c "])
        self.assertEqual((stream.finish_reason, stream.usage.completion_tokens), ("length", 3))

    async def test_tasks_share_a_client(self):
        async def ask(i):
            return (await self.client.generate(f"{i} w").result()).text
        self.assertEqual(await asyncio.gather(*(ask(i) for i in range(50))), [f"{i} w " for i in range(50)])

    async def test_whole_replies(self):
        self.assertEqual((await self.client.chat("hello")).text, "hello")
        self.assertEqual((await self.client.generate([1, 2], stream=False)).finish_reason, "stop")

    async def test_breaking_out_of_the_loop_cancels(self):
        async for _ in self.client.generate("forever"):
            break
        self.assertTrue(await asyncio.to_thread(self.daemon.cancelled.wait, 5))

    async def test_a_cancelled_task_cancels_its_request(self):
        async def ask():
            async for _ in self.client.generate("forever"):
                pass
        task = asyncio.create_task(ask())
        await asyncio.sleep(0.2)
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task
        del task
        self.assertTrue(await asyncio.to_thread(self.daemon.cancelled.wait, 5))

    async def test_cancel_ends_the_stream_as_cancelled(self):
        async with self.client.generate("forever") as stream:
            await stream.__anext__()
            await self.client.cancel(stream)
            self.assertEqual((await stream.result()).finish_reason, "cancelled")

    async def test_a_misspelt_option_is_a_type_error_without_awaiting(self):
        with self.assertRaises(TypeError):
            self.client.generate("a", temprature=0)

    async def test_a_refusal_raises(self):
        with self.assertRaises(nf.NanoflowError) as caught:
            await self.client.generate("fail", stream=False)
        self.assertEqual(caught.exception.code, "overloaded")

    async def test_a_lost_daemon_raises_and_a_new_one_is_found(self):
        stream = await self.client.generate("forever").start()
        await stream.__anext__()
        threading.Timer(0.1, self.daemon.stop).start()
        with self.assertRaises(nf.ConnectionLost):
            async with asyncio_timeout(5):
                async for _ in stream:
                    pass
        self.daemon.stop()
        with self.assertRaises(nf.NoDaemon):
            await self.client.ping()
        self.daemon = FakeDaemon(self.daemon.folder)
        self.assertGreater(await self.client.ping(), 0)

    async def test_the_other_operations(self):
        client = self.client
        self.assertEqual(await client.tokenize("ab c"), [2, 1])
        self.assertEqual(await client.detokenize([3]), "3")
        self.assertEqual(await client.apply_template("x"), "user:x")
        self.assertEqual((await client.models())[0].name, "tiny")
        self.assertEqual((await client.load("tiny"))[0].name, "tiny")
        self.assertEqual((await client.hello()).server, "fake 1")
        self.assertIn("running", await client.status())
        self.assertIn("nanoflow", await client.metrics())

    async def test_entering_without_a_daemon_raises(self):
        with self.assertRaises(nf.NoDaemon):
            async with nf.AsyncClient("ipc:///nowhere/at/all.sock"):
                pass


class asyncio_timeout:  # noqa: N801 - asyncio.timeout is there from Python 3.11 on only
    def __init__(self, seconds):
        self._seconds = seconds

    async def __aenter__(self):
        task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, task.cancel)

    async def __aexit__(self, *_):
        self._timer.cancel()


if __name__ == "__main__":
    unittest.main()
