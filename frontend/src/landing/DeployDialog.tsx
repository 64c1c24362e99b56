// SPDX-License-Identifier: MIT
import { useEffect, useRef } from 'react';
import { localText } from '../shared/i18n';
import { type CreatedInstance, PHASES } from '../shared/types';
import { type Deployment, isUsable, type ProductRef } from './deployments';
import { useLang } from './lang';
import { NameForm } from './NameForm';
import { Failed, Gone, Ready } from './Outcome';
import { ProductIcon } from './ProductIcon';
import { Progress } from './Progress';

/** A deployment that is about to be asked for. */
export interface FormIntent {
  product: ProductRef;
  name: string;
  autoStart: boolean;
  /** The failed deployment that this one takes the place of. */
  replaces?: string;
}

export type DialogContent = { form: FormIntent } | { deployment: Deployment };

type Stage = 'form' | 'progress' | 'ready' | 'failed' | 'gone';

function stageOf(content: DialogContent): Stage {
  if ('form' in content) return 'form';
  const { instance } = content.deployment;
  if (isUsable(instance)) return 'ready';
  if (instance.status === 'failed') return 'failed';
  return instance.status === 'pending' ? 'progress' : 'gone';
}

interface Props {
  content: DialogContent;
  onCreated(form: FormIntent, created: CreatedInstance, name: string): void;
  onRetry(deployment: Deployment): void;
  onClose(): void;
}

function useTitle(content: DialogContent, stage: Stage, product: string): string {
  const { t } = useLang();
  if (stage === 'ready') return t.readyTitle;
  if (stage === 'failed') return t.failedTitle;
  if (stage === 'gone') return t.goneTitle;
  if ('deployment' in content) return t.deployingFor(content.deployment.client);
  return t.deployWhat(product);
}

/** One dialog from the name to the link; what it shows follows the deployment. */
export function DeployDialog({ content, onCreated, onRetry, onClose }: Props) {
  const { lang, t } = useLang();
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const stage = stageOf(content);
  const product = 'form' in content ? content.form.product : content.deployment.product;
  const name = localText(product.name, lang) || product.id;
  const title = useTitle(content, stage, name);

  useEffect(() => {
    if (dialog.current && !dialog.current.open) dialog.current.showModal();
  }, []);

  // What had the focus may have gone with the last stage; whatever still has it keeps it.
  useEffect(() => {
    const focused = document.activeElement;
    const close = dialog.current?.querySelector('.dialog-close');
    const kept =
      dialog.current?.contains(focused) && focused !== dialog.current && focused !== close;
    if (stage === 'form') input.current?.focus();
    else if (!kept) heading.current?.focus();
  }, [stage]);

  // By way of the element, which gives the focus back to where it was.
  const close = () => dialog.current?.close();
  const said =
    stage === 'progress' && 'deployment' in content
      ? t.phase[PHASES[content.deployment.reached] ?? 'queued']
      : stage === 'form'
        ? ''
        : title;

  return (
    <dialog
      ref={dialog}
      className={`dialog ${stage}`}
      aria-labelledby="dialog-title"
      data-testid="dialog"
      data-stage={stage}
      onClose={onClose}
    >
      <div className="dialog-head">
        <ProductIcon icon={product.icon} name={name} />
        <div>
          <p className="eyebrow">{name}</p>
          <h2 id="dialog-title" ref={heading} tabIndex={-1}>
            {title}
          </h2>
        </div>
        <button type="button" className="dialog-close" aria-label={t.close} onClick={close}>
          <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            <path d="m3 3 10 10M13 3 3 13" />
          </svg>
        </button>
      </div>
      <p className="hidden" aria-live="polite">
        {said}
      </p>
      {'form' in content ? (
        <NameForm
          product={content.form.product}
          initialName={content.form.name}
          autoStart={content.form.autoStart}
          inputRef={input}
          onCreated={(created, client) => onCreated(content.form, created, client)}
          onCancel={close}
        />
      ) : (
        <Body stage={stage} deployment={content.deployment} onRetry={onRetry} onClose={close} />
      )}
    </dialog>
  );
}

interface BodyProps {
  stage: Stage;
  deployment: Deployment;
  onRetry(deployment: Deployment): void;
  onClose(): void;
}

function Body({ stage, deployment, onRetry, onClose }: BodyProps) {
  if (stage === 'ready') return <Ready deployment={deployment} onClose={onClose} />;
  if (stage === 'gone') return <Gone onClose={onClose} />;
  if (stage === 'progress') return <Progress deployment={deployment} onClose={onClose} />;
  return <Failed deployment={deployment} onRetry={() => onRetry(deployment)} onClose={onClose} />;
}
