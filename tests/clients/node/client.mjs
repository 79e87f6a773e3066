// A client of Basketry as any team would write it: amqplib, node:crypto, and what contracts/README.md says.
//
// Commands are persistent, mandatory and confirmed; replies come by direct reply-to; events through a queue
// of our own, each of them once: a repeat is dropped by its message id. Every wait has a deadline.

import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import amqp from 'amqplib';

const WITHIN_MS = Number(process.env.WITHIN_MS ?? 15_000);
const TOKEN_SECONDS = 600;
const DIRECTLY = 'amq.rabbitmq.reply-to';

// A setting from the environment; without it there is nothing to be done.
export function setting(name) {
  const value = process.env[name];
  if (value) return value;
  console.error(`the environment variable ${name} is not set`);
  return process.exit(2);
}

export const seconds = () => Math.floor(Date.now() / 1000);

// A JWT (RFC 7519) by hand, so that no library decides what a token looks like.
export function bearer(secret, claims) {
  const signed = [{ alg: 'HS256', typ: 'JWT' }, { exp: seconds() + TOKEN_SECONDS, ...claims }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `Bearer ${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

export class Client {
  static connect(url) {
    return inTime('connecting', new Client().#open(url));
  }

  sent = []; // every command, as it was given to the broker
  heard = []; // every event, in order, without repeats
  repetitions = 0; // how many of them were dropped
  #replies = new Map(); // what to do with the reply, by correlation id
  #returned = new Set();
  #waiting = []; // for an event: its condition, and whom to tell

  async #open(url) {
    this.connection = await amqp.connect(url, { timeout: WITHIN_MS });
    this.commands = await this.connection.createConfirmChannel();
    this.events = await this.connection.createChannel();
    this.broken = Promise.race([this.connection, this.commands, this.events].map(end));
    this.broken.catch(() => {}); // whoever waits for something is told
    await this.#listen();
    return this;
  }

  async #listen() {
    this.commands.on('return', (message) => this.#returned.add(message.properties.messageId));
    await this.commands.consume(DIRECTLY, (message) => this.#onReply(message), { noAck: true });
    const { queue } = await this.events.assertQueue('', { exclusive: true });
    await this.events.bindQueue(queue, 'basket.events', '#');
    await this.events.prefetch(50);
    await this.events.consume(queue, (message) => this.#onEvent(message));
  }

  // Publishes a command, and returns when the broker has taken it and has put it into a queue.
  async send({ key, body, ...options }) {
    const command = { messageId: randomUUID(), timestamp: seconds(), ...options };
    const confirmed = new Promise((resolve, reject) => {
      const settle = (refusal) => (refusal ? reject(refusal) : resolve());
      const flags = { persistent: true, mandatory: true };
      this.commands.publish('basket.commands', key, encoded(body), { ...command, ...flags }, settle);
    });
    await this.#wait(`the broker's confirm of ${command.type}`, confirmed);
    if (this.#returned.has(command.messageId)) throw new Error(`no queue has taken ${command.type}`);
    const sent = { ...command, key, body };
    this.sent.push(sent);
    return sent;
  }

  // Sends a command and waits for its reply.
  async ask(command) {
    const correlationId = randomUUID();
    const replied = new Promise((resolve) => this.#replies.set(correlationId, resolve));
    const sent = await this.send({ ...command, correlationId, replyTo: DIRECTLY });
    return { sent, ...(await this.#wait(`the reply to ${command.type}`, replied)) };
  }

  // Waits until an event has come for which the condition holds, and gives it.
  async event(what, condition) {
    const already = this.heard.find(condition);
    if (already) return already;
    const come = new Promise((resolve) => this.#waiting.push({ condition, resolve }));
    return this.#wait(what, come);
  }

  result(sent) {
    return this.event(
      `the result event of ${sent.type}`,
      ({ type, headers }) => type.startsWith('command.') && headers['causation-id'] === sent.messageId,
    );
  }

  close() {
    return inTime('closing', this.connection.close());
  }

  #onReply(message) {
    const { correlationId } = message.properties;
    this.#replies.get(correlationId)?.(received(message));
    this.#replies.delete(correlationId);
  }

  #onEvent(message) {
    const event = received(message);
    this.events.ack(message);
    if (this.heard.some(({ messageId }) => messageId === event.messageId)) {
      this.repetitions += 1;
      return;
    }
    this.heard.push(event);
    this.#waiting.filter(({ condition }) => condition(event)).forEach(({ resolve }) => resolve(event));
    this.#waiting = this.#waiting.filter(({ condition }) => !condition(event));
  }

  #wait(what, promise) {
    return inTime(what, Promise.race([promise, this.broken]));
  }
}

function encoded(body) {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(body === undefined ? '' : JSON.stringify(body));
}

function received({ fields, properties, content }) {
  const { type, messageId, correlationId, contentType, headers } = properties;
  const { exchange, routingKey } = fields;
  const text = content.toString('utf8');
  const json = text === '' ? undefined : JSON.parse(text);
  return { exchange, routingKey, type, messageId, correlationId, contentType, headers, text, json };
}

// Fails when a connection or a channel does; never succeeds.
async function end(emitter) {
  await once(emitter, 'close'); // throws an error that is emitted before
  throw new Error('the broker has closed the connection');
}

async function inTime(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    const tell = () => reject(new Error(`${what}: nothing within ${WITHIN_MS} ms`));
    timer = setTimeout(tell, WITHIN_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
