// A worker of a fleet (chiru run) in another language: it counts the messages of each guild, each message once, and answers
// "!idle" with a presence. Any number of it may run; each event goes to one of them.
//
//   chiru run --sim --nats-listen 127.0.0.1:4222
//   npm ci && NATS_URL=nats://127.0.0.1:4222 npm start
//
// ../../docs/fleet.md describes the subjects and headers.
import { connect, headers, nanos } from "@nats-io/transport-node";
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";

const FORMAT = "1"; // of all that is read and written here
const FLEET = process.env.CHIRU_NAME ?? "bot";
const DURABLE = process.env.DURABLE ?? "counter";
const DELIVERIES = 5;

const nc = await connect({
  servers: process.env.NATS_URL ?? "nats://127.0.0.1:4222",
  user: process.env.NATS_USER,
  pass: process.env.NATS_PASSWORD,
  maxReconnectAttempts: -1,
});
const stream = `CHIRU_${FLEET}`;
// A worker needs no right to ask about the account, which both would do first.
const manager = await jetstreamManager(nc, { checkAPI: false });
const js = jetstream(nc, { checkAPI: false });

// A newer chiru may store what this program would misread.
const format = (await manager.streams.info(stream)).config.metadata?.["chiru-format"];
if (format !== FORMAT) {
  console.error(`stream ${stream} has format ${format}; this worker knows ${FORMAT}`);
  process.exit(1);
}

await manager.consumers.add(stream, {
  durable_name: DURABLE,
  filter_subjects: [`chiru.${FLEET}.ev.*.MESSAGE_CREATE.*`],
  deliver_policy: DeliverPolicy.All,
  ack_policy: AckPolicy.Explicit,
  ack_wait: nanos(30_000),
  max_ack_pending: 1000,
  metadata: { "chiru-format": FORMAT, "chiru-lanes": "0" }, // so that a worker in Go can share it
});

// What has been done, by the event's id. A database keeps it beside the effect, in one transaction.
const done = new Set();
const perGuild = new Map();

// An event comes again if its acknowledgement is lost, or its worker dies: the id tells.
function effect(event) {
  if (done.has(event.id)) return;
  perGuild.set(event.guild, (perGuild.get(event.guild) ?? 0) + 1);
  done.add(event.id);
  console.log(JSON.stringify({ shard: event.shard, sequence: event.sequence, guild: event.guild, content: event.body.content }));
}

// chiru.FLEET.ev.SHARD.TYPE.PARTITION
function read(message) {
  const [, , , shard, type] = message.subject.split(".");
  const header = (name) => message.headers?.get(name) ?? "";
  if (header("Chiru-Format") !== FORMAT) throw new Error(`format ${header("Chiru-Format")}`);
  return {
    id: header("Nats-Msg-Id"), // SESSION:SEQUENCE; empty for the few that Discord does not number
    shard: Number(shard),
    type,
    session: header("Chiru-Session"),
    sequence: Number(header("Chiru-Sequence")),
    guild: header("Chiru-Guild"), // empty for an event of no guild; a string, as ids are larger than numbers are exact
    received: header("Chiru-Received"),
    body: message.json(),
  };
}

// An event that nobody acknowledges is put aside, so that it does not come for ever.
async function bury(message, why) {
  const h = headers();
  for (const [name, values] of message.headers ?? []) {
    if (!name.startsWith("Nats-")) for (const value of values) h.append(name, value);
  }
  h.set("Chiru-Dead", why);
  h.set("Chiru-Dead-Subject", message.subject);
  h.set("Chiru-Dead-Sequence", String(message.seq));
  h.set("Chiru-Dead-Deliveries", String(message.info.deliveryCount - 1));
  const type = message.subject.split(".")[4] ?? "_";
  await js.publish(`chiru.${FLEET}.dead.${DURABLE}.${type}`, message.data, { headers: h, msgID: `${DURABLE}:${message.seq}` });
  console.error(`dead letter: ${message.subject} ${message.seq}: ${why}`);
  message.ack();
}

// A command goes to whoever has the shard; with nobody there, "no responders" comes back at once.
export async function send(shard, payload) {
  const h = headers();
  h.set("Chiru-Format", FORMAT);
  h.set("Chiru-Wait", "10000");
  const answer = (await nc.request(`chiru.${FLEET}.cmd.${shard}`, JSON.stringify(payload), { headers: h, timeout: 12_000 })).json();
  if (answer.why) throw new Error(`${answer.why}: ${answer.reason}`);
}

const consumer = await js.consumers.get(stream, DURABLE);
const messages = await consumer.consume({ max_messages: 64 });
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => messages.stop());
for await (const message of messages) {
  try {
    if (message.info.deliveryCount > DELIVERIES) {
      await bury(message, "not acknowledged");
      continue;
    }
    let event;
    try {
      event = read(message);
    } catch (error) {
      await bury(message, `unreadable: ${error.message}`);
      continue;
    }
    effect(event);
    if (event.body.content === "!idle") {
      await send(event.shard, { op: 3, d: { since: null, activities: [], status: "idle", afk: false } });
    }
    message.ack();
  } catch (error) {
    console.error(`${message.subject} ${message.seq}: ${error.message}; it comes again`);
  }
}
console.error(`counted ${done.size} messages of ${perGuild.size} guilds`);
await nc.drain();
