// SPDX-License-Identifier: MIT
import { type FormEvent, type RefObject, useEffect, useRef, useState } from 'react';
import { ApiError, createInstance } from '../shared/api';
import { randomKey } from '../shared/random';
import type { CreatedInstance } from '../shared/types';
import type { ProductRef } from './deployments';
import { FailureText } from './Failure';
import { useLang } from './lang';
import { useCountdown } from './time';
import { cleanName, NAME_MAX, nameFault, nameLength } from './validate';

interface Intent {
  name: string;
  key: string;
}

/** Whether the call may have been carried out although it failed: then its key is used again. */
function undecided(error: ApiError): boolean {
  return error.kind === 'network' || error.kind === 'unavailable' || error.kind === 'server';
}

function useSubmit(product: ProductRef, onCreated: (c: CreatedInstance, name: string) => void) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const intent = useRef<Intent | null>(null);
  const mounted = useRef(true);

  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);

  async function submit(name: string) {
    if (intent.current?.name !== name) intent.current = { name, key: randomKey() };
    setBusy(true);
    setError(null);
    try {
      // Answered after the dialog was closed, it is a deployment all the same.
      onCreated(await createInstance(product.id, name, intent.current.key), name);
    } catch (e) {
      const failure = e instanceof ApiError ? e : new ApiError('server', 0);
      if (!undecided(failure)) intent.current = null;
      if (mounted.current) setError(failure);
    } finally {
      if (mounted.current) setBusy(false);
    }
  }

  return { busy, error, submit, clear: () => setError(null) };
}

interface Props {
  product: ProductRef;
  initialName: string;
  /** Sends at once: the name was checked before. */
  autoStart: boolean;
  inputRef: RefObject<HTMLInputElement | null>;
  onCreated(created: CreatedInstance, name: string): void;
  onCancel(): void;
}

export function NameForm({
  product,
  initialName,
  autoStart,
  inputRef,
  onCreated,
  onCancel,
}: Props) {
  const { t } = useLang();
  const [name, setName] = useState(initialName);
  const [touched, setTouched] = useState(false);
  const { busy, error, submit, clear } = useSubmit(product, onCreated);
  const wait = useCountdown(error?.retryAfter ?? null, error);
  const started = useRef(false);

  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the form appears
  useEffect(() => {
    if (!autoStart || started.current) return;
    started.current = true;
    void submit(cleanName(initialName));
  }, []);

  const fault = nameFault(name);
  const aboutName = error?.problem.field === 'client_name';
  // An empty field is no mistake before the visitor tries to go on.
  const shown = fault && (touched || fault !== 'empty') ? t.nameFault[fault] : null;
  const refused = aboutName ? (error?.problem.detail ?? error?.problem.reason ?? null) : null;
  const fieldError = shown ?? refused ?? (aboutName && error ? t.failure[error.kind] : null);
  const length = nameLength(name);

  function onSubmit(event: FormEvent) {
    event.preventDefault();
    setTouched(true);
    if (fault) inputRef.current?.focus();
    else if (!busy && wait === 0) void submit(cleanName(name));
  }

  return (
    <form noValidate onSubmit={onSubmit}>
      <div className="dialog-body">
        <div className="field">
          <label htmlFor="client-name">{t.nameLabel}</label>
          <input
            id="client-name"
            ref={inputRef}
            data-testid="client-name"
            name="client_name"
            type="text"
            autoComplete="organization"
            enterKeyHint="go"
            value={name}
            readOnly={busy}
            aria-required="true"
            aria-invalid={fieldError !== null}
            aria-describedby={fieldError ? 'client-name-error' : 'client-name-hint'}
            onChange={(event) => {
              setName(event.target.value);
              if (aboutName) clear();
            }}
          />
          <div className="field-foot">
            {fieldError ? (
              <p
                id="client-name-error"
                className="field-error"
                role="alert"
                data-testid="name-error"
              >
                {fieldError}
              </p>
            ) : (
              <p id="client-name-hint">{t.nameHint}</p>
            )}
            <span className={length > NAME_MAX ? 'count over' : 'count'} aria-hidden="true">
              {length}/{NAME_MAX}
            </span>
          </div>
        </div>
        {error && !aboutName && (
          <div className="notice bad" role="alert" data-testid="failure">
            <FailureText error={error} />
            {wait > 0 && <p aria-hidden="true">{t.retryIn(wait)}</p>}
          </div>
        )}
      </div>
      <div className="dialog-foot">
        <button type="button" className="button quiet" onClick={onCancel}>
          {t.cancel}
        </button>
        <button
          type="submit"
          className="button primary"
          data-testid="start-deploy"
          aria-disabled={busy || wait > 0}
        >
          {busy ? t.starting : wait > 0 ? `${t.deploy} (${wait})` : t.deploy}
        </button>
      </div>
    </form>
  );
}
