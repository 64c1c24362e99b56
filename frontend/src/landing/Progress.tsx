// SPDX-License-Identifier: MIT
import { formatElapsed } from '../shared/i18n';
import { PHASES } from '../shared/types';
import { availability } from './availability';
import { checklist, type Deployment, elapsedMs, type StepState } from './deployments';
import { useLang } from './lang';
import { useNow } from './time';

export function Bar({ value, label }: { value: number; label: string }) {
  const percent = Math.round(value * 100);
  return (
    <div
      className="bar"
      role="progressbar"
      data-testid="progress"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      tabIndex={-1}
    >
      <span style={{ transform: `scaleX(${value})` }} />
    </div>
  );
}

const MARKS: Partial<Record<StepState, string>> = {
  done: 'm4 8.500 2.700 2.700L12 5.500',
  failed: 'm5 5 6 6m0-6-6 6',
};

export function Checklist({ deployment }: { deployment: Deployment }) {
  const { t } = useLang();
  return (
    <ol className="steps">
      {checklist(deployment).map(({ phase, state }) => (
        <li
          key={phase}
          className={state}
          data-testid={`phase-${phase}`}
          data-state={state}
          aria-current={state === 'current' ? 'step' : undefined}
        >
          {MARKS[state] && (
            <svg viewBox="0 0 16 16" aria-hidden="true">
              <path d={MARKS[state]} />
            </svg>
          )}
          <span>{t.phase[phase]}</span>
          <span className="hidden">: {t.step[state]}</span>
        </li>
      ))}
    </ol>
  );
}

export function Progress({ deployment, onClose }: { deployment: Deployment; onClose(): void }) {
  const { lang, t } = useLang();
  const now = useNow(true);
  const until = availability(deployment.instance, lang, t);
  const phase = PHASES[deployment.reached] ?? 'queued';
  return (
    <>
      <div className="dialog-body">
        <div className="now">
          <p data-testid="phase" data-phase={phase}>
            {t.phase[phase]}
          </p>
          <p className="clock" role="timer" aria-label={t.elapsed} data-testid="elapsed">
            {formatElapsed(elapsedMs(deployment, now))}
          </p>
        </div>
        <Bar value={deployment.progress} label={t.progress} />
        <Checklist deployment={deployment} />
        {deployment.lost && (
          <p className="notice bad" role="status" data-testid="lost">
            {t.lost}
          </p>
        )}
        <p className="aside">
          {t.goesOn}
          {until && ` ${until}.`}
        </p>
      </div>
      <div className="dialog-foot">
        <button type="button" className="button" onClick={onClose}>
          {t.close}
        </button>
      </div>
    </>
  );
}
