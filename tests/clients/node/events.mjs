// What contracts/README.md promises of every event on basket.events, and of all of them together.

import { same } from './checks.mjs';

const NUMBERS = ['status', 'version', 'contract-version'];

export function areWellFormed(events) {
  for (const event of events) {
    const { type, exchange, routingKey, contentType, messageId, headers } = event;
    same(`the exchange of ${type}`, exchange, 'basket.events');
    same('the routing key, which is the type', routingKey, type);
    same(`the content type of ${type}`, contentType, 'application/json');
    same(`the type of the message id of ${type}`, typeof messageId, 'string');
    same('the contract version', headers['contract-version'], 1);
    hasPlainHeaders(event);
  }
}

// AMQP has ten kinds of numbers; whichever is sent, JavaScript must see integers and texts and no objects.
function hasPlainHeaders({ type, headers }) {
  for (const [name, value] of Object.entries(headers)) {
    if (NUMBERS.includes(name)) same(`${name} of ${type} is an integer`, Number.isInteger(value), true);
    else same(`the type of the header ${name} of ${type}`, typeof value, 'string');
  }
  const isRefusal = type === 'command.rejected';
  same(`whether ${type} has an error-key`, 'error-key' in headers, isRefusal);
  same(`whether ${type} has a status`, 'status' in headers, type.startsWith('command.'));
}

export function oneForEachCommand(events, commands) {
  const results = events.filter(({ type }) => type.startsWith('command.'));
  const causes = results.map(({ headers }) => headers['causation-id']);
  const ids = [...new Set(commands.map(({ messageId }) => messageId))];
  same('the commands that have a result event, each once', causes.sort(), ids.sort());
}

// A version is a change: every change has its event, and they come in order.
export function haveNoGap(events) {
  const changes = events.filter(({ type }) => type === 'command.completed');
  const versions = changes.map(({ headers }) => headers.version);
  same('the versions of the basket', versions, versions.map((_, index) => index + 1));
}
