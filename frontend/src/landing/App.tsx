// SPDX-License-Identifier: MIT
import { useEffect, useState } from 'react';
import { formatPercent } from '../shared/i18n';
import type { CreatedInstance } from '../shared/types';
import { DeployDialog, type FormIntent } from './DeployDialog';
import { type Deployment, isUsable } from './deployments';
import { Brand, Hero, LangToggle } from './Hero';
import { useLang } from './lang';
import { MyApps } from './MyApps';
import { Products } from './Products';
import { useDeployments } from './useDeployments';

/** The tab's title tells how the deployment in view is doing. */
function usePageTitle(shown: Deployment | undefined) {
  const { lang, t } = useLang();
  useEffect(() => {
    const { status } = shown?.instance ?? {};
    if (shown && status === 'pending')
      document.title = t.titlePending(formatPercent(shown.progress, lang));
    else if (shown && isUsable(shown.instance)) document.title = t.titleReady;
    else document.title = status === 'failed' ? t.titleFailed : 'ARK Deploy';
  }, [shown, lang, t]);
}

export function App() {
  const { t } = useLang();
  const [state, dispatch] = useDeployments();
  const [form, setForm] = useState<FormIntent | null>(null);
  const shown = state.items.find((d) => d.id === state.openId);
  usePageTitle(shown ?? state.items.find((d) => d.instance.status === 'pending'));

  function onCreated(from: FormIntent, created: CreatedInstance, client: string) {
    const { product, replaces } = from;
    dispatch({ type: 'added', created, product, client, replaces, now: Date.now() });
    // Closed and answered late, it must not take another form away.
    setForm((current) => (current === from ? null : current));
  }

  function onRetry({ id, product, client }: Deployment) {
    dispatch({ type: 'opened', id: null });
    setForm({ product, name: client, autoStart: true, replaces: id });
  }

  function onClose() {
    setForm(null);
    dispatch({ type: 'opened', id: null });
  }

  const content = form ? { form } : shown ? { deployment: shown } : null;
  return (
    <>
      <a className="skip" href="#catalogue">
        {t.skip}
      </a>
      <header className="wrap top">
        <Brand />
        <LangToggle />
      </header>
      <main>
        <Hero />
        <div className="sea">
          <MyApps
            items={state.items}
            onShow={(id) => dispatch({ type: 'opened', id })}
            onForget={(id) => dispatch({ type: 'removed', id })}
          />
          <Products onDeploy={(product) => setForm({ product, name: '', autoStart: false })} />
        </div>
      </main>
      <footer className="sea">
        <div className="wrap foot">
          <p>{t.footer}</p>
          <a href="/assets/licenses.txt">{t.licenses}</a>
        </div>
      </footer>
      {content && (
        <DeployDialog content={content} onCreated={onCreated} onRetry={onRetry} onClose={onClose} />
      )}
    </>
  );
}
