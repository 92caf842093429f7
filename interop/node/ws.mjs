import { REST } from '@discordjs/rest';
import { WebSocketManager, WebSocketShardEvents } from '@discordjs/ws';
import { api, complain, options, run, saw } from './report.mjs';

const rest = new REST({ api }).setToken(options.token);
const manager = new WebSocketManager({ token: options.token, intents: options.intents, rest });

manager.on(WebSocketShardEvents.Dispatch, (payload, shard) => saw(shard, payload));
manager.on(WebSocketShardEvents.Error, complain);
manager.on(WebSocketShardEvents.SocketError, complain);

await run(
	() => manager.connect(),
	() => manager.destroy(),
);
