// SPDX-License-Identifier: MIT
// How a deployment ended: ready, failed, or removed since.
import { applicationUrl } from '../shared/api';
import { formatDuration, localText } from '../shared/i18n';
import type { Phase } from '../shared/types';
import { availability } from './availability';
import { Credentials } from './Credentials';
import { type Deployment, elapsedMs, phaseIndex } from './deployments';
import { useLang } from './lang';
import { Checklist } from './Progress';

interface Props {
  deployment: Deployment;
  onClose(): void;
}

export function Ready({ deployment, onClose }: Props) {
  const { lang, t } = useLang();
  const { instance, client, token, forgotten, id } = deployment;
  const until = availability(instance, lang, t);
  return (
    <>
      <div className="dialog-body">
        <p data-testid="ready-for">
          {t.readyFor(client, formatDuration(elapsedMs(deployment, Date.now())))}
          {until && ` ${until}.`}
        </p>
        {token !== null && <Credentials id={id} token={token} />}
        {forgotten && token === null && (
          <p className="aside" data-testid="forgotten">
            {t.credentialsForgotten}
          </p>
        )}
        <a
          className="button primary wide"
          href={applicationUrl(id)}
          target="_blank"
          rel="noopener noreferrer"
          data-testid="open-app"
        >
          {t.openApp}
          <span className="hidden"> ({t.newTab})</span>
          <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            <path d="M6 3h7v7m0-7-9 9" />
          </svg>
        </a>
      </div>
      <div className="dialog-foot">
        <button type="button" className="button quiet" onClick={onClose}>
          {t.close}
        </button>
      </div>
    </>
  );
}

export function Failed({ deployment, onClose, onRetry }: Props & { onRetry(): void }) {
  const { lang, t } = useLang();
  const { error } = deployment.instance;
  const step = error?.step ?? '';
  const words = phaseIndex(step) >= 0 ? t.phase[step as Phase] : step;
  return (
    <>
      <div className="dialog-body">
        <div className="notice bad" data-testid="failure">
          {words && <p>{t.failedAt(words)}</p>}
          <p className="reason">{localText(error?.reason, lang) || t.failedNoReason}</p>
        </div>
        <Checklist deployment={deployment} />
        <p className="aside">{t.failedClean}</p>
      </div>
      <div className="dialog-foot">
        <button type="button" className="button quiet" onClick={onClose}>
          {t.close}
        </button>
        <button type="button" className="button primary" data-testid="retry" onClick={onRetry}>
          {t.tryAgain}
        </button>
      </div>
    </>
  );
}

export function Gone({ onClose }: { onClose(): void }) {
  const { t } = useLang();
  return (
    <>
      <div className="dialog-body">
        <p data-testid="gone">{t.goneText}</p>
      </div>
      <div className="dialog-foot">
        <button type="button" className="button" onClick={onClose}>
          {t.close}
        </button>
      </div>
    </>
  );
}
