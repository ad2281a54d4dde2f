// BullMQ on Node: jobs as hashes, moved by scripts; a lock for each job that runs; three attempts.
// Says and measures what measured.py does.

import { renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const installed = createRequire(join(process.env.BENCH_PEER, "package.json"));
const { Queue, Worker } = installed("bullmq");

const MESSAGES = Number(process.env.BENCH_MESSAGES ?? 1000);
const RATE = Number(process.env.BENCH_RATE ?? 200);
const RESULT = process.env.BENCH_RESULT ?? "result.json";
const TIMED = Boolean(process.env.BENCH_TIMED);
const CONCURRENCY = 50;
const TOGETHER = 200;
const BATCH = 1000;
const TEXT = "x".repeat(150);
const OPTIONS = { attempts: 3, removeOnComplete: true };

const { Redis } = installed("ioredis");
const connection = new Redis(process.env.BENCH_URL, { maxRetriesPerRequest: null });
const monotonic = () => Number(process.hrtime.bigint()) / 1e9;
const payload = (number) => ({ number, text: TEXT, sent: monotonic() });
const say = (said) => {
  writeFileSync(`${RESULT}.partial`, JSON.stringify(said));
  renameSync(`${RESULT}.partial`, RESULT);
};
const sayRate = (messages, began) => say({ per_second: messages / (monotonic() - began) });

const sending = (how) => async () => {
  const queue = new Queue("bench", { connection });
  await queue.waitUntilReady();
  await how((data) => queue.add("handle", data, OPTIONS), queue);
  await queue.close();
  connection.disconnect();
};

const roles = {
  single: sending(async (send) => {
    await send(payload(0));
    const began = monotonic();
    for (let number = 1; number < MESSAGES; number++) await send(payload(number));
    sayRate(MESSAGES - 1, began);
  }),
  together: sending(async (send) => {
    await send(payload(0));
    let next = 1;
    const began = monotonic();
    const oneTask = async () => {
      while (next < MESSAGES) await send(payload(next++));
    };
    await Promise.all(Array.from({ length: TOGETHER }, oneTask));
    sayRate(MESSAGES - 1, began);
  }),
  batch: sending(async (_, queue) => {
    const jobs = Array.from({ length: MESSAGES }, (_, n) => ({ name: "handle", data: payload(n), opts: OPTIONS }));
    let next = 0;
    const oneAfterTheOther = async () => {
      while (next < MESSAGES) await queue.addBulk(jobs.slice(next, (next += BATCH)));
    };
    const began = monotonic();
    await Promise.all([oneAfterTheOther(), oneAfterTheOther()]);
    sayRate(MESSAGES, began);
  }),
  paced: sending(async (send) => {
    const began = monotonic();
    for (let number = 0; number < MESSAGES; number++) {
      const early = began + number / RATE - monotonic();
      if (early > 0) await new Promise((done) => setTimeout(done, early * 1000));
      await send(payload(number));
    }
    sayRate(MESSAGES, began);
  }),
  worker: async () => {
    let handled = 0;
    let began = 0;
    const waits = [];
    const handle = async (job) => {
      handled += 1;
      if (TIMED) waits.push(monotonic() - job.data.sent);
      if (handled === 1) {
        began = monotonic();
        writeFileSync(RESULT.replace(/json$/, "began"), "");
      }
      if (handled === MESSAGES) say({ per_second: (MESSAGES - 1) / (monotonic() - began), waits });
    };
    const worker = new Worker("bench", handle, { connection, concurrency: CONCURRENCY });
    process.on("SIGTERM", () => worker.close(true).then(() => process.exit(0)));
  },
};

await roles[process.argv[2]]();
