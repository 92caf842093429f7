import { Client, Events } from 'discord.js';
import { api, complain, options, run, saw } from './report.mjs';

const client = new Client({ intents: options.intents, shards: 'auto', rest: { api } });

client.on(Events.Raw, (payload, shard) => saw(shard, payload));
client.on(Events.Error, complain);
client.on(Events.Warn, complain);
client.on(Events.ShardError, complain);

await run(
	() => client.login(options.token),
	() => client.destroy(),
);
