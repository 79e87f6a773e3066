// A conversation with Basketry from its first command to an order, in the words of contracts/README.md.
//
//   AMQP_URL=amqp://… JWT_SECRET=… node conversation.mjs <file with the seed's ship-to body>
//
// Needs a worker and nothing else: the sales channel and the basket are new each time.

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { held, holds, run, same } from './checks.mjs';
import { Client, bearer, setting } from './client.mjs';
import { areWellFormed, haveNoGap, oneForEachCommand } from './events.mjs';

const CHANNEL = `node-${randomUUID()}`;
const BASKET = `basket-${randomUUID()}`;
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const PROBOOK = '5079807';
const BENQ = '1612143';
const READS = ['basket.get', 'basket.orders', 'order.get'];

const signed = (claims) => ({ authorization: bearer(setting('JWT_SECRET'), claims), channel: CHANNEL });
const patricia = signed({ sub: 'patricia' });
const catalogue = signed({ sub: 'catalogue', roles: ['service'] });

const usd = (value) => ({ currencyMnemonic: 'USD', value });
const money = (value) => ({ type: 'Money', ...usd(value) });
const product = (name, price) => ({ name, price: usd(price), taxRate: 19, available: true });
const SHOP = [
  ['channel.put', CHANNEL, { priceType: 'gross', currency: 'USD', shippingTaxRate: 19 }],
  ['product.put', PROBOOK, product('HP ProBook 6550b Notebook PC', 999)],
  ['product.put', BENQ, product('Benq MD300', 210.28)],
  ['shipping-method.put', 'STD_GROUND', { name: 'Standard Ground', price: usd(16.94) }],
];

await run(async () => {
  const client = await Client.connect(setting('AMQP_URL'));
  held('connects');
  await opensTheShop(client);
  await createsABasket(client);
  const update = await setsTheAddress(client);
  await addsItems(client);
  await choosesAMethod(client);
  await readsTheTotals(client);
  await repeats(client, update);
  await sendsABadCommand(client);
  await readsWithoutReplyTo(client);
  const order = await checksOut(client);
  await hearsTheOrder(client, order);
  await readsTheOrder(client, order);
  await startsAnew(client);
  examinesAllEvents(client);
  await client.close();
  return { commands: client.sent.length, events: client.heard.length };
});

async function opensTheShop(client) {
  for (const [type, key, body] of SHOP) {
    const reply = await changes(client, { type, key, body, headers: catalogue }, { status: 204 });
    same(`the body of the reply to ${type}`, reply.text, '');
  }
  held('opens the shop', { commands: SHOP.length });
}

async function createsABasket(client) {
  const headers = { ...patricia, traceparent: TRACE };
  const create = ofBasket('basket.create', {}, { headers });
  const reply = await changes(client, create, { status: 201, version: 1 });
  same('id and owner', [reply.json.id, reply.json.owner], [BASKET, 'patricia']);
  same('the trace context of the reply', reply.headers.traceparent, TRACE);
  held('creates a basket', { version: 1 });
}

async function setsTheAddress(client) {
  const body = readFileSync(process.argv[2]);
  const reply = await changes(client, ofBasket('basket.update', body), { status: 200, version: 2 });
  const { id, type, ...shown } = reply.json.commonShipToAddress;
  same('the ship-to address', shown, JSON.parse(body).commonShipToAddress);
  held('sets the ship-to address', { version: 2, city: shown.city });
  return reply;
}

async function addsItems(client) {
  const elements = [PROBOOK, BENQ].map((sku) => ({ sku, quantity: { value: 1 } }));
  const reply = await changes(client, ofBasket('basket.item.add', { elements }), { status: 201, version: 3 });
  const titles = reply.json.shippingBuckets[0].lineItems.map(({ title }) => title);
  same('the items', titles, ['HP ProBook 6550b Notebook PC', 'Benq MD300']);
  held('adds items', { version: 3, items: titles.length });
}

async function choosesAMethod(client) {
  const body = { commonShippingMethod: { id: 'STD_GROUND' } };
  const headers = { ...patricia, 'expected-version': 3 };
  await changes(client, ofBasket('basket.update', body, { headers }), { status: 200, version: 4 });
  held('chooses a method, expecting a version', { version: 4 });
}

async function readsTheTotals(client) {
  const reply = await client.ask(ofBasket('basket.get'));
  isAnswered(reply, { status: 200, version: 4 });
  const { totals, salesTaxTotalsByTaxRate: sales, shippingTaxTotalsByTaxRate: shipping } = reply.json;
  const values = ['itemTotal', 'shippingTotal', 'basketTotal', 'taxTotal'].map((name) => totals[name].value);
  same('the totals', values, [1209.28, 16.94, 1226.22, 195.78]);
  same('the sales tax', sales.map(({ rate, amount }) => [rate, amount]), [[19, money(193.08)]]);
  same('the shipping tax', shipping.map(({ rate, amount }) => [rate, amount]), [[19, money(2.7)]]);
  held('reads the totals', { basketTotal: totals.basketTotal.value, taxTotal: totals.taxTotal.value });
}

// The basket is two versions on by now, and yet the answer is the one of then.
async function repeats(client, { sent, ...first }) {
  const again = await client.ask(sent);
  for (const part of ['type', 'messageId', 'contentType', 'headers', 'text']) {
    same(`${part} of the reply to a repeat`, again[part], first[part]);
  }
  holds('the correlation id is that of the repeat', again.correlationId !== first.correlationId);
  held('gets the same reply to the same message', { version: again.headers.version });
}

async function sendsABadCommand(client) {
  const body = { commonShipToAddress: { firstNane: 'Patricia' }, department: 7 };
  const reply = await client.ask(ofBasket('basket.update', body));
  isRefused(reply, { status: 400, 'error-key': 'command.malformed.error' });
  const places = reply.json.errors.map(({ code, path }) => [code, path]).sort();
  same('what is wrong, and where', places, [
    ['command.malformed.error', '$.department'],
    ['command.unknown_field.error', '$.commonShipToAddress.firstNane'],
  ]);
  for (const { message } of reply.json.errors) same('the type of a message', typeof message, 'string');
  isTheSame(await client.result(reply.sent), reply);
  held('is told all that is wrong', { paths: places.map(([, path]) => path) });
}

async function readsWithoutReplyTo(client) {
  const sent = await client.send(ofBasket('basket.get'));
  const event = await client.result(sent);
  isRefused(event, { status: 400, 'error-key': 'command.reply_to_required.error' });
  same('the correlation id of a message that has none', event.correlationId, sent.messageId);
  held('is refused a read without reply_to', { status: 400 });
}

async function checksOut(client) {
  const reply = await changes(client, ofBasket('basket.checkout', {}), { status: 201, version: 5 });
  const order = reply.json;
  same('basket and owner', [order.basketId, order.owner], [BASKET, 'patricia']);
  same('the channel of the order', order.channel, CHANNEL);
  same('the total of the order', order.totals.basketTotal, money(1226.22));
  same('its lines', order.lineItems.map(({ sku, quantity }) => [sku, quantity]), [[PROBOOK, 1], [BENQ, 1]]);
  const age = Date.now() - Date.parse(order.placedAt);
  holds(`it was placed a moment ago, not at ${order.placedAt}`, Math.abs(age) < 60_000);
  held('checks out', { number: order.number, version: 5 });
  return reply;
}

async function hearsTheOrder(client, { sent, json: order }) {
  const isIts = ({ type, json }) => type === 'order.placed' && json.id === order.id;
  const { headers, json } = await client.event('order.placed', isIts);
  same('the order in the event', json, order);
  const said = { key: headers.key, version: headers.version, causation: headers['causation-id'] };
  same('what the event says of itself', said, { key: BASKET, version: 4, causation: sent.messageId });
  held('hears of the order', { id: order.id });
}

async function readsTheOrder(client, { json: order }) {
  const one = await client.ask({ type: 'order.get', key: order.id, headers: patricia });
  isAnswered(one, { status: 200 });
  same('the order', one.json, order);
  const page = await client.ask(ofBasket('basket.orders', { limit: 10 }));
  const listed = page.json.orders.map(({ id, number }) => [id, number]);
  same('the orders of the basket', listed, [[order.id, order.number]]);
  held('reads the order', { number: order.number });
}

// Its event is the last of this basket: whatever was to come before it has come.
async function startsAnew(client) {
  const reply = await changes(client, ofBasket('basket.create'), { status: 201, version: 6 });
  same('the items of the new basket', reply.json.totals.itemTotal.value, 0);
  held('creates the basket again', { version: 6 });
}

function examinesAllEvents({ sent, heard, repetitions }) {
  const ours = heard.filter(({ headers }) => headers.channel === CHANNEL);
  same('events that came twice', repetitions, 0);
  areWellFormed(ours);
  held('found every event well-formed', { events: ours.length });
  const answeredByReplyAlone = ({ type, replyTo }) => READS.includes(type) && replyTo;
  oneForEachCommand(ours, sent.filter((command) => !answeredByReplyAlone(command)));
  held('heard one result event for each command');
  haveNoGap(ours.filter(({ headers }) => headers.key === BASKET));
  held('heard versions without a gap');
}

function ofBasket(type, body, given = {}) {
  return { type, key: BASKET, body, headers: patricia, contentType: 'application/json', ...given };
}

// Sends a command that succeeds, and has its reply; the event says the same.
async function changes(client, command, expected) {
  const reply = await client.ask(command);
  isAnswered(reply, expected);
  isTheSame(await client.result(reply.sent), reply);
  return reply;
}

function isAnswered(reply, { status, version }) {
  const { type, key, messageId } = reply.sent;
  same(`status of ${type} (${reply.text})`, reply.headers.status, status);
  same(`type of the reply to ${type}`, reply.type, 'command.completed');
  same(`content type of the reply to ${type}`, reply.contentType, 'application/json');
  same(`version after ${type}`, reply.headers.version, version);
  const { command, 'causation-id': cause, key: of, channel } = reply.headers;
  same(`headers of the reply to ${type}`, [command, cause, of, channel], [type, messageId, key, CHANNEL]);
}

function isRefused({ type, headers }, expected) {
  same('the type of a refusal', type, 'command.rejected');
  for (const [name, value] of Object.entries(expected)) same(`the header ${name}`, headers[name], value);
}

function isTheSame(event, reply) {
  for (const part of ['type', 'correlationId', 'headers', 'text']) {
    same(`${part} of the event of ${reply.sent.type}`, event[part], reply[part]);
  }
}
