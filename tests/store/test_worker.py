"""The thread that writes."""

import asyncio
import threading

from drydockd.store.worker import Worker


async def test_jobs_run_in_order_in_one_thread_and_answer_on_the_loop():
    worker = Worker(asyncio.get_running_loop(), "test")
    threads, answers, last = [], [], asyncio.Event()

    def answer(failure):
        answers.append((threading.current_thread() is threading.main_thread(), failure))
        if len(answers) == 3:
            last.set()

    for _ in range(3):
        worker.submit(lambda: threads.append(threading.current_thread().name), answer)
    await asyncio.wait_for(last.wait(), 20)
    worker.stop()
    assert threads == ["test"] * 3
    assert answers == [(True, None)] * 3


async def test_what_a_job_raises_is_handed_back_and_the_thread_lives_on():
    worker = Worker(asyncio.get_running_loop(), "test")
    answers: asyncio.Queue = asyncio.Queue()
    worker.submit(lambda: 1 / 0, answers.put_nowait)
    worker.submit(lambda: None, answers.put_nowait)
    assert isinstance(await asyncio.wait_for(answers.get(), 20), ZeroDivisionError)
    assert await asyncio.wait_for(answers.get(), 20) is None
    worker.stop()
