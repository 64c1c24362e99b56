// SPDX-License-Identifier: MIT
// The built page and an API that does what the test tells it to, under the policy nginx sends.
import { EventEmitter, once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};
const POLICY =
  "default-src 'self'; img-src 'self' data: https:; style-src 'self'; script-src 'self'; frame-ancestors 'none'";

export class FakeApi {
  products = [];
  credentials = [];
  /** Set to answer the next calls of that kind with a failure: {status, body, headers}. */
  failing = { products: null, create: null, events: null, get: null };
  /** Applications share the page's origin. */
  shared = false;
  instances = new Map();
  requests = [];
  #streams = new Map();
  #joined = new EventEmitter();
  #server = createServer((request, response) => {
    this.#handle(request, response).catch((error) => {
      response.writeHead(500).end(String(error));
    });
  });

  async listen(host = '127.0.0.1') {
    await new Promise((done) => this.#server.listen(0, host, done));
    this.port = this.#server.address().port;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Changes an instance and tells those who follow it. */
  set(id, change) {
    const instance = { ...this.instances.get(id), ...change };
    this.instances.set(id, instance);
    for (const stream of this.#streams.get(id) ?? []) this.#tell(stream, instance);
  }

  /** As new, for the next test. */
  reset(products, credentials) {
    for (const id of this.#streams.keys()) this.cut(id);
    this.instances.clear();
    this.requests.length = 0;
    this.failing = { products: null, create: null, events: null, get: null };
    Object.assign(this, { products, credentials, shared: false });
  }

  /** Settles when somebody follows the instance. */
  async followed(id) {
    while (!this.#streams.has(id)) await once(this.#joined, 'stream');
  }

  /** Breaks the streams of an instance, as a restart of the server would. */
  cut(id) {
    for (const stream of this.#streams.get(id) ?? []) stream.destroy();
    this.#streams.delete(id);
  }

  #tell(stream, instance) {
    stream.write(`event: instance\ndata: ${JSON.stringify(instance)}\n\n`);
  }

  #json(response, status, body, headers = {}) {
    const type = status < 400 ? 'application/json' : 'application/problem+json';
    response.writeHead(status, { 'Content-Type': type, ...headers });
    response.end(JSON.stringify(body));
  }

  #failed(kind, response) {
    const failure = this.failing[kind];
    if (!failure) return false;
    if (failure.destroy) response.destroy();
    else this.#json(response, failure.status, failure.body ?? {}, failure.headers);
    return true;
  }

  async #handle(request, response) {
    const { pathname } = new URL(request.url, 'http://x');
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method, headers } = request;
    this.requests.push({ method, path: pathname, headers, body });
    if (pathname === '/api/products') {
      if (!this.#failed('products', response))
        this.#json(response, 200, { items: this.products, next: null });
    } else if (pathname === '/api/instances' && method === 'POST') {
      if (!this.#failed('create', response)) this.#create(JSON.parse(body), response);
    } else if (pathname.startsWith('/api/instances/')) {
      this.#instance(pathname.split('/').slice(3), headers, response);
    } else if (pathname.startsWith('/instances/')) {
      response.writeHead(200, { 'Content-Type': 'text/html' }).end('<h1>The application</h1>');
    } else await this.#file(pathname, response);
  }

  #create({ product_id, client_name }, response) {
    const id = `client_${String(this.instances.size + 1).padStart(12, 'a')}`;
    const instance = {
      id,
      instance_id: id,
      product_id,
      client_name,
      status: 'pending',
      phase: 'queued',
      progress: 0,
      message: 'Waiting for its turn',
      access_url: `http://ark.test:3000/instances/${id}/`,
      public_url: `http://ark.test:${this.shared ? 3000 : 3002}/instances/${id}/`,
      created_at: new Date().toISOString(),
      expires_at: new Date(Date.now() + 30 * 864e5).toISOString(),
    };
    this.instances.set(id, instance);
    this.#json(response, 202, { ...instance, access_token: `token-${id}` });
  }

  #instance([id, what], headers, response) {
    const instance = this.instances.get(id);
    if (!instance) return this.#json(response, 404, { title: 'Not found', status: 404 });
    if (what === 'events') return this.#events(id, response);
    if (what === 'access') {
      if (headers.authorization !== `Bearer token-${id}`)
        return this.#json(response, 401, { title: 'No such token', status: 401 });
      return this.#json(response, 200, { credentials: this.credentials });
    }
    if (!this.#failed('get', response)) this.#json(response, 200, instance);
  }

  #events(id, response) {
    if (this.#failed('events', response)) return;
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    this.#streams.set(id, [...(this.#streams.get(id) ?? []), response]);
    this.#tell(response, this.instances.get(id));
    this.#joined.emit('stream');
  }

  async #file(pathname, response) {
    const file = normalize(pathname === '/' ? '/index.html' : pathname);
    try {
      const content = await readFile(join(DIST, file));
      response.writeHead(200, {
        'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
        'Content-Security-Policy': POLICY,
      });
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  }
}
