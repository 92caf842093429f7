// @discordjs/ws as its README says, all shards in this process. What a client has to do is in package client, and
// what the numbers of witness are in package proof.

import { memoryUsage } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { REST } from '@discordjs/rest';
import { CompressionMethod, WebSocketManager, WebSocketShardEvents } from '@discordjs/ws';

const job = JSON.parse(process.argv[2]);
const token = 'MTcwOTEwMjE2OTEyNDcwMDE2.bench.token';
const first = 2;

const base = memory();
const rest = new REST({ api: `http://${job.host}/api` }).setToken(token);
const manager = new WebSocketManager({
	token,
	intents: 53608447,
	rest,
	shardCount: job.shards,
	compression: job.compression === 'zlib-stream' ? CompressionMethod.ZlibSync : null,
	useIdentifyCompression: job.compression === 'payload',
});

let ready = 0, resumed = 0, count = 0, sum = 0, from, to, wake;
const stamps = new Float64Array(job.mode === 'latency' ? job.events : 0);
const ended = new Promise((resolve) => (wake = resolve));
const mod = (id) => Number(id.slice(-4));

function end() {
	to = usage();
	wake();
}

manager.on(WebSocketShardEvents.Dispatch, ({ t, s, d }) => {
	if (t === 'READY') {
		if (++ready === job.shards) from = usage();
		return;
	}
	if (t === 'RESUMED') {
		if (++resumed === job.shards && job.mode === 'reconnect') end();
		return;
	}
	sum += s * witness(t, d);
	if (job.mode === 'latency') stamps[s - first] = performance.timeOrigin + performance.now();
	if (++count === job.shards * job.events) end();
});
manager.on(WebSocketShardEvents.Error, (error) => console.error(error));

function witness(t, d) {
	switch (t) {
		case 'MESSAGE_CREATE':
		case 'MESSAGE_UPDATE':
			return mod(d.id) + 7 * d.mentions.length + 11 * d.embeds.length + 15 * d.attachments.length;
		case 'PRESENCE_UPDATE':
			return mod(d.user.id) + 7 * d.activities.length;
		case 'TYPING_START':
			return mod(d.user_id) + (d.timestamp % 1000);
		case 'VOICE_STATE_UPDATE':
			return mod(d.user_id) + mod(d.channel_id);
		case 'GUILD_MEMBER_UPDATE':
			return mod(d.user.id) + 7 * d.roles.length;
		case 'MESSAGE_REACTION_ADD':
			return mod(d.user_id) + mod(d.message_id);
		case 'GUILD_CREATE':
			return mod(d.id) + 7 * d.members.length + 11 * d.channels.length + 15 * d.roles.length + 19 * d.presences.length;
	}
	throw new Error(`${t} is not of the mix`);
}

function cpu() {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1e6;
}

function usage() {
	return { cpu: cpu(), at: performance.now() / 1000 };
}

function memory() {
	globalThis.gc?.();
	globalThis.gc?.();
	const { rss, heapUsed, external } = memoryUsage();
	return { rss, heap: heapUsed + external };
}

const timeout = setTimeout(() => {
	console.error(`timeout: ${ready} READY, ${resumed} RESUMED, ${count} events`);
	process.exit(1);
}, job.timeout / 1e6);

await manager.connect();
await ended;
clearTimeout(timeout);
const result = {
	events: count, raw: '0', witness: String(sum), cpu: to.cpu - from.cpu, wall: to.at - from.at,
	resumed, again: ready - job.shards,
};
if (job.mode === 'idle') {
	await sleep(3000);
	const now = memory();
	result.heap = now.heap - base.heap;
	result.rss = now.rss - base.rss;
	if (job.window > 0) {
		const before = cpu(), at = performance.now();
		await sleep(job.window / 1e6);
		result.idle_cpu = (cpu() - before) / ((performance.now() - at) / 1000);
	}
}
if (job.mode === 'latency') {
	const sent = new BigInt64Array(await (await fetch(`http://${job.host}/stamps`)).arrayBuffer());
	const took = [];
	for (let i = Math.floor(job.events / 10); i < job.events; i++) took.push(stamps[i] * 1e3 - Number(sent[i]) / 1e3);
	took.sort((a, b) => a - b);
	result.latency = [0.5, 0.99, 0.999].map((p) => took[Math.ceil(p * took.length) - 1]);
}
console.log(JSON.stringify(result));
process.exit(0);
