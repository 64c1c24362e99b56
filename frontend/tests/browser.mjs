// SPDX-License-Identifier: MIT
// The built page in a real Chromium, against the fake API. `SHOTS=folder` keeps pictures.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { chromium } from 'playwright-core';
import { FakeApi } from './fake-api.mjs';

const SHOTS = process.env.SHOTS;
if (SHOTS) mkdirSync(SHOTS, { recursive: true });

const svg = (shapes) =>
  `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">${shapes}</svg>`)}`;

const PRODUCTS = [
  {
    id: 'miniflux',
    name: 'Miniflux',
    description: {
      es: 'Lector de noticias minimalista: tus fuentes RSS en un solo sitio, sin rastreadores ni publicidad.',
      en: 'A minimalist feed reader: all your RSS sources in one place, without trackers or advertising.',
    },
    icon: svg(
      '<path fill="none" stroke="#33658a" stroke-width="3" stroke-linecap="round" d="M4 11a9 9 0 0 1 9 9M4 4a16 16 0 0 1 16 16"/><circle cx="5.500" cy="18.500" r="2.500" fill="#f26419"/>',
    ),
  },
  {
    id: 'notes',
    name: { es: 'Cuaderno', en: 'Notebook' },
    description: {
      es: 'Notas en equipo, con historial y búsqueda.',
      en: 'Notes for a team, with history and search.',
    },
    icon: null,
  },
  {
    id: 'wiki',
    name: 'Wiki',
    description: 'Markdown, <b>images</b> & links.',
    icon: 'data:image/png;base64,broken',
  },
];
const CREDENTIALS = [
  { label: { es: 'Usuario', en: 'User name' }, value: 'admin' },
  { label: { es: 'Contraseña', en: 'Password' }, value: 'q7VtZk2mXw9rLp4sNc8bHd3f' },
];

const api = new FakeApi();
let browser;

// The host's own address where there is one: unlike localhost it is no secure origin, which is how
// customers reach the page.
function plainAddress() {
  const all = Object.values(networkInterfaces()).flat();
  return all.find((a) => a.family === 'IPv4' && !a.internal)?.address ?? '127.0.0.1';
}

const problems = [];

async function open({ locale = 'en-GB', dark = false, width = 1280, height = 860 } = {}) {
  const context = await browser.newContext({
    locale,
    colorScheme: dark ? 'dark' : 'light',
    viewport: { width, height },
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on('pageerror', (error) => problems.push(`page error: ${error}`));
  page.on('console', (message) => {
    if (/Content Security Policy|Refused/i.test(message.text())) problems.push(message.text());
  });
  await page.goto(`http://${plainAddress()}:${api.port}/`);
  return page;
}

async function shot(page, name, fullPage = false) {
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage });
}

async function noSideways(page) {
  const over = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  assert.equal(over, 0, 'the page scrolls sideways');
}

async function deploy(page, product = 'miniflux', client = 'Acme') {
  await page.getByTestId(`deploy-${product}`).click();
  await page.getByTestId('client-name').fill(client);
  await page.getByTestId('start-deploy').click();
  await page.getByTestId('phase').waitFor();
  return [...api.instances.keys()].at(-1);
}

const stage = (page, name) => page.locator(`[data-testid=dialog][data-stage=${name}]`).waitFor();
const posts = () => api.requests.filter((r) => r.method === 'POST');

const tests = {
  async 'a click becomes a link, in Spanish'() {
    const page = await open({ locale: 'es-ES' });
    assert.equal(await page.locator('html').getAttribute('lang'), 'es');
    assert.equal(await page.evaluate(() => isSecureContext), plainAddress() === '127.0.0.1');
    await page.getByText('Lector de noticias').waitFor();
    await noSideways(page);
    await shot(page, 'cards-es', true);
    const button = page.getByRole('button', { name: /Desplegar|Deploy/ }).first();
    await button.focus();
    await page.keyboard.press('Enter');
    const input = page.getByLabel('Tu nombre o el de tu empresa');
    assert.ok(await input.evaluate((e) => e === document.activeElement), 'the field has the focus');
    await shot(page, 'form-es');
    await page.keyboard.type('Panadería Ñandú');
    await page.keyboard.press('Enter');
    await page.getByTestId('phase').waitFor();
    const [id] = api.instances.keys();
    const { headers, body } = posts()[0];
    assert.match(headers['content-type'], /^application\/json/);
    assert.match(headers['idempotency-key'], /^[0-9a-f]{32}$/);
    assert.deepEqual(JSON.parse(body), { product_id: 'miniflux', client_name: 'Panadería Ñandú' });
    api.set(id, { phase: 'database', progress: 0.55, message: 'Waiting for a login' });
    await page.locator('[data-testid=phase][data-phase=database]').waitFor();
    assert.equal(await page.getByTestId('progress').getAttribute('aria-valuenow'), '55');
    assert.equal(await page.getByTestId('phase-volume').getAttribute('data-state'), 'done');
    assert.match(await page.title(), /55/);
    await shot(page, 'progress-es');
    api.set(id, { status: 'running', phase: 'ready', progress: 1, message: 'Ready' });
    await stage(page, 'ready');
    await page.getByTestId('credential-value').first().waitFor();
    assert.deepEqual(await page.getByTestId('credential-value').allTextContents(), [
      'admin',
      'q7VtZk2mXw9rLp4sNc8bHd3f',
    ]);
    await shot(page, 'ready-es');
    const link = page.getByRole('link', { name: /Acceder a mi aplicación|Open my application/ });
    assert.equal(await link.getAttribute('rel'), 'noopener noreferrer');
    const [app] = await Promise.all([page.waitForEvent('popup'), link.click()]);
    await app.getByText('The application').waitFor();
    assert.equal(new URL(app.url()).pathname, `/instances/${id}/`);
    assert.equal(await app.evaluate(() => window.opener), null);
    assert.equal(await app.evaluate(() => sessionStorage.length), 0, 'the token stays in its tab');
    assert.equal((await page.context().cookies()).length, 0);
  },

  async 'values are copied on plain HTTP too'() {
    const page = await open();
    const id = await deploy(page);
    api.set(id, { status: 'running', phase: 'ready', progress: 1 });
    await page.getByTestId('copy').nth(1).click();
    await page.getByRole('button', { name: 'Copy: Password' }).getByText('Copied').waitFor();
    const focused = await page.evaluate(() => document.activeElement?.getAttribute('data-testid'));
    assert.equal(focused, 'copy', 'the focus stays on the button');
    await page.evaluate(() => {
      const area = document.createElement('textarea');
      area.id = 'paste';
      document.querySelector('dialog').append(area);
      area.focus();
    });
    await page.keyboard.press('Control+V');
    assert.equal(await page.locator('#paste').inputValue(), CREDENTIALS[1].value);
  },

  async 'the name is checked while it is typed, and by the server'() {
    const page = await open();
    await page.getByTestId('deploy-notes').click();
    await page.getByTestId('start-deploy').click();
    assert.match(await page.getByTestId('name-error').textContent(), /Enter a name/);
    const input = page.getByTestId('client-name');
    await input.fill('x'.repeat(65));
    assert.match(await page.getByTestId('name-error').textContent(), /too long/);
    assert.equal(await input.getAttribute('aria-invalid'), 'true');
    await shot(page, 'form-invalid-en');
    assert.equal(posts().length, 0, 'nothing was sent');
    api.failing.create = {
      status: 400,
      body: { title: 'Bad request', detail: 'client_name is taken', field: 'client_name' },
    };
    await input.fill('Acme');
    await page.getByTestId('start-deploy').click();
    await page.getByText('client_name is taken').waitFor();
    api.failing.create = null;
    await input.fill('Acme 2');
    await page.getByTestId('start-deploy').click();
    await page.getByTestId('phase').waitFor();
  },

  async 'a closed dialog goes on in the strip, Esc included'() {
    const page = await open();
    const id = await deploy(page);
    api.set(id, { phase: 'app', progress: 0.7 });
    await page.locator('[data-testid=phase][data-phase=app]').waitFor();
    await page.keyboard.press('Escape');
    await page.getByTestId('dialog').waitFor({ state: 'detached' });
    const focused = await page.evaluate(() => document.activeElement?.getAttribute('data-testid'));
    assert.equal(focused, 'deploy-miniflux', 'the focus is back on the card');
    const item = page.getByTestId(`mine-${id}`);
    assert.match(await item.textContent(), /70/);
    await shot(page, 'strip-en', true);
    await item.getByRole('button').click();
    await stage(page, 'progress');
    api.set(id, { status: 'running', phase: 'ready', progress: 1 });
    await stage(page, 'ready');
  },

  async 'until when it is there is told wherever it is shown'() {
    for (const [locale, until, never] of [
      ['es-ES', 'Disponible hasta el 28 de diciembre de 2026', 'No caduca'],
      ['en-GB', 'Available until 28 December 2026', 'Does not expire'],
    ]) {
      const page = await open({ locale });
      const id = await deploy(page, 'miniflux', 'Panadería Ñandú');
      const item = page.getByTestId(`mine-${id}`);
      api.set(id, { phase: 'app', progress: 0.7, expires_at: '2026-12-28T12:00:00.000000Z' });
      await page.getByTestId('dialog').getByText(`${until}.`).waitFor();
      await item.getByText(until, { exact: true }).waitFor();
      api.set(id, { status: 'running', phase: 'ready', progress: 1 });
      await page.getByTestId('ready-for').getByText(`${until}.`).waitFor();
      await page.keyboard.press('Escape');
      await item.getByRole('button', { name: until }).waitFor();
      await deploy(page, 'notes', 'Acme');
      await page.keyboard.press('Escape');
      await shot(page, `until-${locale}`, true);
      // An operator keeps it.
      api.set(id, { expires_at: null });
      await page.reload();
      await item.getByText(never, { exact: true }).waitFor();
      assert.equal(await item.getByText(until).count(), 0);
      await shot(page, `never-${locale}`, true);
      await item.getByRole('button', { name: never }).click();
      await page.getByTestId('ready-for').getByText(`${never}.`).waitFor();
      await shot(page, `ready-never-${locale}`);
    }
  },

  async 'a reload finds the deployment again'() {
    const page = await open();
    const id = await deploy(page);
    api.set(id, { phase: 'volume', progress: 0.3 });
    await page.locator('[data-testid=phase][data-phase=volume]').waitFor();
    await page.reload();
    await stage(page, 'progress');
    api.set(id, { status: 'running', phase: 'ready', progress: 1 });
    await page.getByTestId('credential-value').first().waitFor();
    const local = await page.evaluate(() => JSON.stringify(localStorage));
    assert.ok(!local.includes('token-'), 'no token outside of the session');
  },

  async 'a token is written down only where applications cannot read it'() {
    const written = (page) => page.evaluate(() => JSON.stringify({ ...sessionStorage }));
    const page = await open();
    const id = await deploy(page);
    api.set(id, { status: 'running', phase: 'ready', progress: 1 });
    await page.getByTestId('credential-value').first().waitFor();
    assert.ok((await written(page)).includes(`token-${id}`));
    api.set(id, { status: 'failed' });
    await page.reload();
    await page.getByTestId('gone').or(page.getByTestId('failure')).waitFor();
    assert.ok(!(await written(page)).includes('token-'), 'nothing is left to be shown with it');

    api.shared = true;
    const other = await open();
    const second = await deploy(other);
    api.set(second, { status: 'running', phase: 'ready', progress: 1 });
    await other.getByTestId('credential-value').first().waitFor();
    assert.ok(!(await written(other)).includes('token-'));
    await other.reload();
    await other.getByTestId('forgotten').waitFor();
    await shot(other, 'forgotten-en');
  },

  async 'a broken stream is polled, a lost server is said'() {
    const page = await open();
    const id = await deploy(page);
    await api.followed(id);
    api.failing.get = { status: 503, headers: { 'Retry-After': '1' } };
    api.cut(id);
    await page.getByTestId('lost').waitFor();
    await shot(page, 'lost-en');
    api.failing.get = null;
    api.failing.events = { status: 503 };
    api.set(id, { phase: 'health', progress: 0.9 });
    await page.locator('[data-testid=phase][data-phase=health]').waitFor();
    assert.equal(await page.getByTestId('lost').count(), 0);
    api.set(id, { status: 'running', phase: 'ready', progress: 1 });
    await stage(page, 'ready');
  },

  async 'a failure shows step and reason, and is tried again'() {
    const page = await open();
    const id = await deploy(page, 'miniflux', 'Acme');
    const reason = 'manifest for docker.io/library/miniflux:9 not found';
    api.set(id, { status: 'failed', phase: 'image', error: { step: 'image', reason } });
    await stage(page, 'failed');
    const text = await page.getByTestId('failure').textContent();
    assert.ok(text.includes(reason) && text.includes('Fetch the application'), text);
    await shot(page, 'failed-en');
    await page.getByTestId('retry').click();
    await stage(page, 'progress');
    const [a, b] = posts();
    assert.equal(a.body, b.body);
    assert.notEqual(a.headers['idempotency-key'], b.headers['idempotency-key']);
    await page.keyboard.press('Escape');
    assert.equal(await page.getByTestId(`mine-${id}`).count(), 0, 'the failed one gave way');
  },

  async 'quota, an absent service and a lost network say what to do'() {
    const page = await open();
    await page.getByTestId('deploy-miniflux').click();
    await page.getByTestId('client-name').fill('Acme');
    const attempt = async (failing, sentence) => {
      api.failing.create = failing;
      await page.getByTestId('start-deploy').click();
      await page.getByTestId('failure').getByText(sentence).waitFor();
    };
    await attempt({ status: 429, body: { detail: 'Five at once are allowed.' } }, /limit/);
    assert.match(await page.getByTestId('failure').textContent(), /Five at once/);
    await shot(page, 'quota-en');
    await attempt({ destroy: true }, /cannot be reached/);
    await attempt({ status: 503, headers: { 'Retry-After': '2' } }, /not available/);
    assert.equal(await page.getByTestId('start-deploy').getAttribute('aria-disabled'), 'true');
    const keys = posts().map((r) => r.headers['idempotency-key']);
    assert.notEqual(keys[0], keys[1], 'a refusal is settled');
    assert.equal(keys[1], keys[2], 'a call without an answer may have been carried out');
    api.failing.create = null;
    await page.locator('[data-testid=start-deploy][aria-disabled=false]').waitFor();
    await page.getByTestId('start-deploy').click();
    await page.getByTestId('phase').waitFor();
  },

  async 'the catalogue may fail, come back, and be empty'() {
    api.failing.products = { status: 503, headers: { 'Retry-After': '1' } };
    const page = await open();
    await page.getByTestId('catalogue-failure').waitFor();
    await shot(page, 'catalogue-failed-en');
    api.failing.products = null;
    await page.getByTestId('product-card-miniflux').waitFor();
    api.products = [];
    await page.reload();
    await page.getByTestId('catalogue-empty').waitFor();
    api.products = PRODUCTS;
    await page.getByTestId('reload').click();
    await page.getByTestId('product-card-miniflux').waitFor();
  },

  async 'what was removed from the server is not offered after a reload'() {
    const page = await open();
    const id = await deploy(page);
    api.set(id, { status: 'running', phase: 'ready', progress: 1 });
    await page.getByTestId('open-app').waitFor();
    api.instances.delete(id);
    await page.reload();
    await page.getByTestId('gone').waitFor();
  },

  async 'text is text'() {
    const page = await open();
    await page.getByText('Markdown, <b>images</b> & links.').waitFor();
    const id = await deploy(page, 'wiki', '<img src=x onerror=alert(1)>');
    await page.getByRole('heading', { name: /<img src=x/ }).waitFor();
    api.set(id, { status: 'failed', error: { step: 'app', reason: '<script>alert(1)</script>' } });
    await page.getByText('<script>alert(1)</script>').waitFor();
  },

  async 'the language is kept when it was chosen'() {
    const page = await open({ locale: 'es-AR' });
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByRole('heading', { name: 'Applications' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Applications' }).waitFor();
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  },

  async 'it fits a small screen, dark too'() {
    for (const dark of [false, true]) {
      const tone = dark ? 'dark' : 'light';
      const page = await open({ dark, width: 360, height: 740, locale: 'es-ES' });
      await page.getByTestId('product-card-miniflux').waitFor();
      await noSideways(page);
      await shot(page, `mobile-cards-${tone}`, true);
      const id = await deploy(page, 'miniflux', 'Panadería Ñandú e Hijas');
      api.set(id, { phase: 'app', progress: 0.72, message: 'Starting the container' });
      await page.locator('[data-testid=phase][data-phase=app]').waitFor();
      await noSideways(page);
      await shot(page, `mobile-progress-${tone}`);
      api.set(id, { status: 'running', phase: 'ready', progress: 1 });
      await page.getByTestId('credential-value').first().waitFor();
      await shot(page, `mobile-ready-${tone}`);
      await page.keyboard.press('Escape');
      await page.getByTestId(`mine-${id}`).waitFor();
      await noSideways(page);
      await shot(page, `mobile-strip-${tone}`, true);
    }
    const page = await open({ dark: true });
    await page.getByTestId('product-card-miniflux').waitFor();
    await shot(page, 'cards-dark', true);
    const id = await deploy(page);
    api.set(id, { phase: 'health', progress: 0.9, message: 'Asking /healthcheck' });
    await page.locator('[data-testid=phase][data-phase=health]').waitFor();
    await shot(page, 'progress-dark');
    const reason = 'The container exited with status 1.\nFATAL: no such table: users';
    api.set(id, { status: 'failed', error: { step: 'app', reason } });
    await stage(page, 'failed');
    await shot(page, 'failed-dark');
  },
};

let failed = 0;
await api.listen('0.0.0.0');
browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
  ],
});
for (const [name, test] of Object.entries(tests)) {
  if (process.argv[2] && !name.includes(process.argv[2])) continue;
  api.reset(PRODUCTS, CREDENTIALS);
  problems.length = 0;
  try {
    await test();
    assert.deepEqual(problems, []);
    console.log(`ok - ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok - ${name}\n${error.stack}`);
    const page = browser.contexts().at(-1)?.pages()[0];
    if (page) await shot(page, `broken-${failed}`);
  }
  for (const context of browser.contexts()) await context.close();
}
await browser.close();
api.close();
process.exitCode = failed ? 1 : 0;
