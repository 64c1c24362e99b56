// SPDX-License-Identifier: MIT
import { localText } from '../shared/i18n';
import type { Product } from '../shared/types';
import { FailureText } from './Failure';
import { useLang } from './lang';
import { ProductIcon } from './ProductIcon';
import { useProducts } from './useProducts';

function Card({ product, onDeploy }: { product: Product; onDeploy(): void }) {
  const { lang, t } = useLang();
  const name = localText(product.name, lang) || product.id;
  return (
    <li className="card" data-testid={`product-card-${product.id}`}>
      <div className="card-head">
        <ProductIcon icon={product.icon} name={name} />
        <h3>{name}</h3>
      </div>
      <p className="card-text">{localText(product.description, lang)}</p>
      <button
        type="button"
        className="button primary"
        data-testid={`deploy-${product.id}`}
        aria-label={t.deployWhat(name)}
        onClick={onDeploy}
      >
        {t.deploy}
      </button>
    </li>
  );
}

function Skeleton() {
  return (
    <div className="cards" aria-hidden="true">
      {[0, 1, 2].map((n) => (
        <div className="card skeleton" key={n}>
          <div className="card-head">
            <span className="icon" />
            <span className="bone short" />
          </div>
          <span className="bone" />
          <span className="bone" />
          <span className="bone button-bone" />
        </div>
      ))}
    </div>
  );
}

export function Products({ onDeploy }: { onDeploy(product: Product): void }) {
  const { t } = useLang();
  const { catalogue, retryIn, reload } = useProducts();
  return (
    <section
      className="wrap"
      aria-labelledby="catalogue"
      aria-busy={catalogue.status === 'loading'}
    >
      <h2 id="catalogue" tabIndex={-1}>
        {t.catalogue}
      </h2>
      {catalogue.status === 'loading' && (
        <>
          <p className="hidden" role="status">
            {t.loading}
          </p>
          <Skeleton />
        </>
      )}
      {catalogue.status === 'failed' && (
        <div className="notice bad" role="alert" data-testid="catalogue-failure">
          <h3>{t.loadFailed}</h3>
          <FailureText error={catalogue.error} />
          {/* The countdown would be read out every second. */}
          {retryIn > 0 && <p aria-hidden="true">{t.retryingIn(retryIn)}</p>}
          <button type="button" className="button" data-testid="reload" onClick={reload}>
            {t.reload}
          </button>
        </div>
      )}
      {catalogue.status === 'ready' && catalogue.products.length === 0 && (
        <div className="notice" data-testid="catalogue-empty">
          <h3>{t.emptyTitle}</h3>
          <p>{t.emptyText}</p>
          <button type="button" className="button" data-testid="reload" onClick={reload}>
            {t.reload}
          </button>
        </div>
      )}
      {catalogue.status === 'ready' && catalogue.products.length > 0 && (
        <ul className="cards">
          {catalogue.products.map((product) => (
            <Card key={product.id} product={product} onDeploy={() => onDeploy(product)} />
          ))}
        </ul>
      )}
    </section>
  );
}
