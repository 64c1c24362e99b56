// SPDX-License-Identifier: MIT
import { applicationUrl } from '../shared/api';
import { formatPercent, localText } from '../shared/i18n';
import { type Lang, PHASES } from '../shared/types';
import { availability } from './availability';
import { type Deployment, isUsable } from './deployments';
import { useLang } from './lang';
import type { Strings } from './strings';

function stateText(deployment: Deployment, t: Strings, lang: Lang): string {
  const { status } = deployment.instance;
  if (status === 'pending')
    return `${t.phase[PHASES[deployment.reached] ?? 'queued']} · ${formatPercent(deployment.progress, lang)}`;
  if (isUsable(deployment.instance)) return t.stateRunning;
  return status === 'failed' ? t.stateFailed : t.stateGone;
}

function tone(deployment: Deployment): string {
  const { status } = deployment.instance;
  if (status === 'pending') return 'pending';
  if (isUsable(deployment.instance)) return 'running';
  return status === 'failed' ? 'failed' : 'gone';
}

interface ItemProps {
  deployment: Deployment;
  onShow(): void;
  onForget(): void;
}

function Item({ deployment, onShow, onForget }: ItemProps) {
  const { lang, t } = useLang();
  const { client, product } = deployment;
  const pending = deployment.instance.status === 'pending';
  const usable = isUsable(deployment.instance);
  const productName = localText(product.name, lang) || product.id;
  const until = availability(deployment.instance, lang, t);
  return (
    <li className={`mine ${tone(deployment)}`} data-testid={`mine-${deployment.id}`}>
      <button
        type="button"
        className="mine-main"
        aria-label={`${pending ? t.seeProgress(client) : t.seeDetails(client)} (${productName}): ${stateText(deployment, t, lang)}${until && `. ${until}`}`}
        onClick={onShow}
      >
        <span className="dot" />
        <span className="mine-name">{client}</span>
        <span className="mine-state">
          {productName} · {stateText(deployment, t, lang)}
        </span>
        {until && <span className="mine-until">{until}</span>}
        {pending && (
          <span className="mine-bar">
            <span style={{ transform: `scaleX(${deployment.progress})` }} />
          </span>
        )}
      </button>
      {usable && (
        <a
          className="button small"
          href={applicationUrl(deployment.id)}
          target="_blank"
          rel="noopener noreferrer"
          aria-label={`${t.openWhat(client)} (${t.newTab})`}
        >
          {t.open}
        </a>
      )}
      {!usable && !pending && (
        <button
          type="button"
          className="mine-forget"
          aria-label={t.forget(client)}
          onClick={onForget}
        >
          <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
            <path d="m3 3 10 10M13 3 3 13" />
          </svg>
        </button>
      )}
    </li>
  );
}

interface Props {
  items: Deployment[];
  onShow(id: string): void;
  onForget(id: string): void;
}

/** What this tab has deployed, so that a closed dialog can be found again. */
export function MyApps({ items, onShow, onForget }: Props) {
  const { t } = useLang();
  if (items.length === 0) return null;
  return (
    <section className="wrap" aria-labelledby="mine" data-testid="my-apps">
      <div className="section-head">
        <h2 id="mine">{t.mine}</h2>
        <p>{t.mineHint}</p>
      </div>
      <ul className="mines">
        {items.map((d) => (
          <Item
            key={d.id}
            deployment={d}
            onShow={() => onShow(d.id)}
            onForget={() => onForget(d.id)}
          />
        ))}
      </ul>
    </section>
  );
}
