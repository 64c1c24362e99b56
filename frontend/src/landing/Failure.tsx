// SPDX-License-Identifier: MIT
import type { ApiError } from '../shared/api';
import { useLang } from './lang';

/** What a failed call means and what to do, with the server's own words where it gave some. */
export function FailureText({ error }: { error: ApiError }) {
  const { t } = useLang();
  const said = error.problem.detail ?? error.problem.reason ?? error.problem.title;
  return (
    <>
      <p>{t.failure[error.kind]}</p>
      {said && error.kind !== 'network' ? <p className="said">{said}</p> : null}
    </>
  );
}
