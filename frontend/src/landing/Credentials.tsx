// SPDX-License-Identifier: MIT
import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError, getCredentials } from '../shared/api';
import { copyText } from '../shared/clipboard';
import { localText } from '../shared/i18n';
import type { Credential } from '../shared/types';
import { useLang } from './lang';

const COPIED_MS = 2500;

function CopyButton({ label, value }: { label: string; value: string }) {
  const { t } = useLang();
  const [result, setResult] = useState<'copied' | 'failed' | null>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (result !== 'copied') return;
    const timer = setTimeout(() => setResult(null), COPIED_MS);
    return () => clearTimeout(timer);
  }, [result]);

  async function copy() {
    if (button.current) setResult((await copyText(value, button.current)) ? 'copied' : 'failed');
  }

  return (
    <>
      <button
        ref={button}
        type="button"
        className="button small"
        data-testid="copy"
        aria-label={t.copyWhat(label)}
        onClick={copy}
      >
        {result === 'copied' ? t.copied : t.copy}
      </button>
      <span className={result === 'failed' ? 'field-error' : 'hidden'} role="status">
        {result === 'copied' ? t.copied : result === 'failed' ? t.copyFailed : ''}
      </span>
    </>
  );
}

type Loaded = Credential[] | ApiError | null;

function useCredentials(id: string, token: string): [Loaded, () => void] {
  const [loaded, setLoaded] = useState<Loaded>(null);
  const load = useCallback(() => {
    let current = true;
    setLoaded(null);
    getCredentials(id, token)
      .then((credentials) => current && setLoaded(credentials))
      .catch((e: unknown) => {
        if (current) setLoaded(e instanceof ApiError ? e : new ApiError('server', 0));
      });
    return () => {
      current = false;
    };
  }, [id, token]);
  useEffect(load, [load]);
  return [loaded, load];
}

/** The product's credentials for this customer, if it has any. Kept nowhere but on the screen. */
export function Credentials({ id, token }: { id: string; token: string }) {
  const { lang, t } = useLang();
  const [loaded, load] = useCredentials(id, token);
  if (loaded === null)
    return (
      <p className="aside" role="status">
        {t.credentialsLoading}
      </p>
    );
  if (loaded instanceof ApiError) {
    const denied = loaded.kind === 'denied';
    return (
      <div className="notice bad" role="alert">
        <p>{denied ? t.credentialsDenied : t.credentialsFailed}</p>
        {!denied && (
          <button type="button" className="button" onClick={load}>
            {t.showCredentials}
          </button>
        )}
      </div>
    );
  }
  if (loaded.length === 0) return null;
  return (
    <section className="credentials" aria-labelledby="credentials">
      <h3 id="credentials">{t.credentials}</h3>
      <dl>
        {loaded.map((credential, i) => {
          const label = localText(credential.label, lang);
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: labels may repeat and the list never changes
            <div key={i}>
              <dt>{label}</dt>
              <dd>
                <code data-testid="credential-value">{credential.value}</code>
                <CopyButton label={label} value={credential.value} />
              </dd>
            </div>
          );
        })}
      </dl>
      <p className="aside">{t.credentialsKeep}</p>
    </section>
  );
}
