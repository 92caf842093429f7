// What the Node clients share: their options, and what they tell the test, one JSON text a line.

export const options = JSON.parse(process.argv[2]);

// Both libraries add the API version to the address themselves.
export const api = options.api.replace(/\/v10$/, '');

function print(line) {
	process.stdout.write(JSON.stringify(line) + '\n');
}

export function saw(shard, payload) {
	print({ shard, s: payload.s, t: payload.t });
}

export function complain(error) {
	print({ complaint: String(error?.stack ?? error).slice(0, 2000) });
}

// run connects, and closes again once stdin ends.
export async function run(connect, close) {
	process.stdin.resume();
	process.stdin.once('end', async () => {
		await close();
		process.exit(0);
	});
	await connect();
	print({ connected: true });
}
