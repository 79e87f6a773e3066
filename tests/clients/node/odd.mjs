// What JavaScript and amqplib do by themselves, and programmers in a hurry: what is meant well is taken, and
// for the rest the answer names the place.
//
//   AMQP_URL=amqp://… JWT_SECRET=… node odd.mjs

import { randomUUID } from 'node:crypto';
import { held, holds, run, same } from './checks.mjs';
import { Client, bearer, seconds, setting } from './client.mjs';

const BASKET = `odd-${randomUUID()}`;
const CHANNEL = `odd-${randomUUID()}`;
const QUANTITY = '$.elements[0].quantity.value';

const signed = (claims) => ({ authorization: bearer(setting('JWT_SECRET'), claims) });
const patricia = signed({ sub: 'patricia' });
const catalogue = signed({ sub: 'catalogue', roles: ['service'] });

const expecting = (version) => ({ headers: { ...patricia, 'expected-version': version } });
const expiring = (exp) => ({ headers: signed({ sub: 'patricia', exp }) });
const bytes = (text, encoding = 'utf8') => ({ body: Buffer.from(text, encoding) });
const adding = (sku, value) => ({
  type: 'basket.item.add',
  body: { elements: [{ sku, quantity: { value } }] },
});
const unnamed = { headers: { authorization: patricia.authorization.slice('Bearer '.length) } };
const priced = (value) => ({
  type: 'product.put',
  key: randomUUID(),
  headers: catalogue,
  body: { name: 'Benq MD300', taxRate: 19, price: { currencyMnemonic: 'USD', value } },
});

// Updates of an empty basket at version 1, each of which is to be taken.
const TAKEN = [
  ['no content type', { contentType: undefined }],
  ['a charset after the content type', { contentType: 'application/json; charset=utf-8' }],
  ['a content encoding that is a charset', { contentEncoding: 'utf-8' }],
  ['a body of bytes', bytes('{"department": ""}')],
  ['a header that is undefined', { headers: { ...patricia, channel: undefined } }],
  ['a header that is null', { headers: { ...patricia, channel: null, 'expected-version': null } }],
  ['a small integer, one byte on the wire', expecting(1)],
  ['the same integer in eight bytes', expecting({ '!': 'int64', value: 1 })],
  ['the same integer without a sign', expecting({ '!': 'uint32', value: 1 })],
  ['a timestamp in milliseconds', { timestamp: Date.now() }],
  ['an exp with a fraction of a second', expiring(Date.now() / 1000 + 600)],
];

// What is refused: its status, the end of its error key, the path, and a word of the message.
const REFUSED = [
  ['a version in a string', expecting('1'), 400, 'malformed', undefined, /expected-version.*integer/],
  ['a version with a fraction', expecting(1.5), 400, 'malformed', undefined, /expected-version.*integer/],
  ['a version too large for an integer', expecting(2 ** 63), 400, 'malformed', undefined, /integer/],
  ['a version as a double', expecting({ '!': 'double', value: 1 }), 400, 'malformed', undefined, /integer/],
  ['a version that is true', expecting(true), 400, 'malformed', undefined, /integer/],
  ['a version from the future', expecting(2 ** 53 - 1), 412, 'version_conflict', undefined, /version 1\b/],
  ['a byte order mark', bytes('\uFEFF{}'), 400, 'malformed', '$', /BOM|byte order mark/],
  ['a body in UTF-16', bytes('{}', 'utf16le'), 400, 'malformed', '$', /JSON/],
  ['a body in Latin-1', bytes('{"department": "Büro"}', 'latin1'), 400, 'malformed', '$', /utf-?8/i],
  ['a body that is JSON twice', { body: '{"department": "Sales"}' }, 400, 'malformed', '$', /object/],
  ['an object that became a text', bytes(String({})), 400, 'malformed', '$', /JSON/],
  ['a Buffer that became JSON', { body: Buffer.from('{}').toJSON() }, 400, 'unknown_field', '$.data', /data/],
  ['no body', { body: undefined }, 400, 'malformed', '$', /JSON/],
  ['null in a field', { body: { department: null } }, 400, 'malformed', '$.department', /null/],
  ['half an emoji', { body: { department: '🛒'[0] } }, 400, 'malformed', '$.department', /surrogate/],
  ['a number for a text', adding(1612143, 1), 400, 'malformed', '$.elements[0].sku', /int/],
  ['a text for a quantity', adding('1', '1'), 400, 'quantity_invalid', QUANTITY, /whole number/],
  ['NaN, which is null in JSON', adding('1', NaN), 400, 'quantity_invalid', QUANTITY, /whole number/],
  ['the sum of 0.1 and 0.2', priced(0.1 + 0.2), 400, 'malformed', '$.price.value', /decimals/],
  ['a price in a string', priced('210.28'), 400, 'malformed', '$.price.value', /number/],
  ['no Bearer before the token', unnamed, 401, 'unauthorized', undefined, /authorization/],
  ['a content type for texts', { contentType: 'text/plain' }, 415, 'unsupported_content_type', undefined, /json/],
];

await run(async () => {
  const client = await Client.connect(setting('AMQP_URL'));
  await succeeds(client, 201, { type: 'basket.create' });
  for (const [name, command] of TAKEN) await takes(client, name, command);
  for (const [name, command, ...expected] of REFUSED) await refuses(client, name, command, expected);
  await keepsEmoji(client);
  await takesADate(client);
  await client.close();
  return { commands: client.sent.length };
});

async function takes(client, name, command) {
  const { headers, contentType } = await succeeds(client, 200, command);
  same(`version after ${name}`, headers.version, 1);
  same(`content type of the reply to ${name}`, contentType, 'application/json');
  held(name, { status: 200 });
}

async function refuses(client, name, command, [status, word, path, message]) {
  const reply = await asks(client, command);
  const [first] = reply.json.errors;
  same(`status of ${name} (${reply.text})`, reply.headers.status, status);
  holds(`${name} is ${word}, not ${first.code}`, first.code.endsWith(`.${word}.error`));
  same(`error-key of ${name}`, reply.headers['error-key'], first.code);
  same(`path of ${name}`, first.path, path);
  holds(`"${first.message}" says ${message}`, message.test(first.message));
  same(`the event of ${name}`, (await client.result(reply.sent)).text, reply.text);
  held(name, { status, path, message: first.message });
}

async function keepsEmoji(client) {
  const department = 'Büro 🛒 \u2028';
  const { headers, json } = await succeeds(client, 200, { body: { department } });
  same('the department', json.department, department);
  same('the first version since the basket was created', headers.version, 2);
  held('letters beyond ASCII', { version: 2 });
}

// JSON.stringify writes a Date in ISO 8601; the basket shows milliseconds, which Date reads.
async function takesADate(client) {
  const body = { recurringOrdersEnabled: true };
  await succeeds(client, 204, { type: 'channel.put', key: CHANNEL, headers: catalogue, body });
  const headers = { ...patricia, channel: CHANNEL };
  await succeeds(client, 201, { type: 'basket.create', headers });
  const startDate = new Date((seconds() + 86_400) * 1000);
  const recurrence = { startDate, interval: 'P1M' };
  const { json } = await succeeds(client, 200, { headers, body: { recurrence } });
  same('the start date', new Date(json.recurrence.startDate), startDate);
  held('a Date there and back', { startDate });
}

async function succeeds(client, status, command) {
  const reply = await asks(client, command);
  same(`status of ${reply.sent.type} (${reply.text})`, reply.headers.status, status);
  return reply;
}

function asks(client, command) {
  const update = { type: 'basket.update', key: BASKET, headers: patricia, body: {} };
  return client.ask({ contentType: 'application/json', ...update, ...command });
}
