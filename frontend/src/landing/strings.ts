// SPDX-License-Identifier: MIT
import type { FailureKind } from '../shared/api';
import type { Lang, Phase } from '../shared/types';
import type { StepState } from './deployments';
import type { NameFault } from './validate';

export interface Strings {
  language: string;
  skip: string;
  heroTitle: string;
  heroLead: string;
  heroFacts: string[];
  catalogue: string;
  loading: string;
  emptyTitle: string;
  emptyText: string;
  loadFailed: string;
  reload: string;
  retryIn: (seconds: number) => string;
  retryingIn: (seconds: number) => string;
  deploy: string;
  deployWhat: (product: string) => string;
  nameLabel: string;
  nameHint: string;
  nameFault: Record<NameFault, string>;
  starting: string;
  cancel: string;
  close: string;
  failure: Record<FailureKind, string>;
  phase: Record<Phase, string>;
  step: Record<StepState, string>;
  progress: string;
  elapsed: string;
  deployingFor: (client: string) => string;
  goesOn: string;
  lost: string;
  readyTitle: string;
  readyFor: (client: string, time: string) => string;
  availableUntil: (date: string) => string;
  neverExpires: string;
  credentials: string;
  credentialsKeep: string;
  credentialsForgotten: string;
  credentialsLoading: string;
  credentialsDenied: string;
  credentialsFailed: string;
  showCredentials: string;
  copy: string;
  copyWhat: (label: string) => string;
  copied: string;
  copyFailed: string;
  openApp: string;
  newTab: string;
  failedTitle: string;
  failedAt: (step: string) => string;
  failedNoReason: string;
  failedClean: string;
  tryAgain: string;
  goneTitle: string;
  goneText: string;
  mine: string;
  mineHint: string;
  stateRunning: string;
  stateFailed: string;
  stateGone: string;
  seeProgress: (client: string) => string;
  seeDetails: (client: string) => string;
  open: string;
  openWhat: (client: string) => string;
  forget: (client: string) => string;
  titlePending: (percent: string) => string;
  titleReady: string;
  titleFailed: string;
  footer: string;
  licenses: string;
}

const es: Strings = {
  language: 'Idioma',
  skip: 'Ir a las aplicaciones',
  heroTitle: 'Tu propia aplicación, a un clic.',
  heroLead:
    'Elige una, dale tu nombre y sigue cómo se prepara. Recibirás un enlace a una copia que es solo tuya.',
  heroFacts: ['Base de datos propia', 'Red privada', 'Nada que instalar'],
  catalogue: 'Aplicaciones',
  loading: 'Cargando las aplicaciones…',
  emptyTitle: 'Aún no hay aplicaciones',
  emptyText: 'Cuando se publique la primera, aparecerá aquí.',
  loadFailed: 'No hemos podido cargar las aplicaciones',
  reload: 'Reintentar',
  retryIn: (s) => `Podrás reintentarlo en ${s} s.`,
  retryingIn: (s) => `Lo reintentamos solos en ${s} s.`,
  deploy: 'Desplegar',
  deployWhat: (p) => `Desplegar ${p}`,
  nameLabel: 'Tu nombre o el de tu empresa',
  nameHint: 'Así reconocerás tu aplicación. De 1 a 64 caracteres.',
  nameFault: {
    empty: 'Escribe un nombre.',
    long: 'El nombre es demasiado largo: caben 64 caracteres.',
    unprintable:
      'El nombre tiene caracteres que no se pueden mostrar. Bórralos o escríbelo a mano.',
  },
  starting: 'Empezando…',
  cancel: 'Cancelar',
  close: 'Cerrar',
  failure: {
    network: 'No hay conexión con el servidor. Comprueba tu red y vuelve a intentarlo.',
    quota:
      'Se ha alcanzado el límite de despliegues. Espera un momento, o pide a quien administra el servicio que libere alguno.',
    unavailable: 'El servicio no está disponible ahora mismo. Vuelve a intentarlo en un momento.',
    denied: 'Desde aquí no se permite desplegar. Pide acceso a quien administra el servicio.',
    missing: 'Esta aplicación ya no está en el catálogo. Recarga la página para ver las que hay.',
    invalid: 'El servidor no ha aceptado los datos. Revísalos y vuelve a intentarlo.',
    server:
      'Algo ha fallado en el servidor. Vuelve a intentarlo; si se repite, avisa a quien lo administra.',
  },
  phase: {
    queued: 'En cola',
    image: 'Obtener la aplicación',
    network: 'Crear la red privada',
    volume: 'Reservar el espacio para tus datos',
    database: 'Arrancar la base de datos',
    app: 'Arrancar la aplicación',
    health: 'Comprobar que responde',
    ready: 'Lista',
  },
  step: { done: 'hecho', current: 'en curso', failed: 'ha fallado', todo: 'pendiente' },
  progress: 'Progreso del despliegue',
  elapsed: 'Tiempo transcurrido',
  deployingFor: (c) => `Preparando la aplicación de ${c}`,
  goesOn:
    'Puedes cerrar esta ventana: el despliegue sigue solo, y lo tendrás en «Mis aplicaciones».',
  lost: 'Sin conexión con el servidor. El despliegue sigue allí; lo consultaremos en cuanto vuelva.',
  readyTitle: 'Tu aplicación está lista',
  readyFor: (c, time) => `Para ${c}, en ${time}.`,
  availableUntil: (d) => `Disponible hasta el ${d}`,
  neverExpires: 'No caduca',
  credentials: 'Tus datos de acceso',
  credentialsKeep: 'Guárdalos: solo se muestran en esta pestaña.',
  credentialsForgotten:
    'Los datos de acceso no se guardan al recargar la página. Pídelos a quien administra este servicio.',
  credentialsLoading: 'Cargando tus datos de acceso…',
  credentialsDenied:
    'Esta pestaña ya no puede ver los datos de acceso. Pídelos a quien administra el servicio.',
  credentialsFailed: 'No hemos podido cargar tus datos de acceso.',
  showCredentials: 'Reintentar',
  copy: 'Copiar',
  copyWhat: (l) => `Copiar: ${l}`,
  copied: 'Copiado',
  copyFailed: 'No se ha podido copiar: selecciónalo y cópialo a mano.',
  openApp: 'Acceder a mi aplicación',
  newTab: 'se abre en una pestaña nueva',
  failedTitle: 'El despliegue no ha terminado',
  failedAt: (s) => `Se ha detenido en este paso: ${s}.`,
  failedNoReason: 'El servidor no ha dado ningún motivo.',
  failedClean: 'No ha quedado nada a medias: puedes volver a intentarlo.',
  tryAgain: 'Volver a intentarlo',
  goneTitle: 'Esta aplicación ya no existe',
  goneText: 'Se ha eliminado del servidor. Puedes desplegar otra desde el catálogo.',
  mine: 'Mis aplicaciones',
  mineHint: 'Se recuerdan solo en esta pestaña.',
  stateRunning: 'En marcha',
  stateFailed: 'Ha fallado',
  stateGone: 'Eliminada',
  seeProgress: (c) => `Ver el progreso de ${c}`,
  seeDetails: (c) => `Ver los detalles de ${c}`,
  open: 'Abrir',
  openWhat: (c) => `Abrir ${c}`,
  forget: (c) => `Quitar ${c} de la lista`,
  titlePending: (p) => `${p} · ARK Deploy`,
  titleReady: 'Lista · ARK Deploy',
  titleFailed: 'Ha fallado · ARK Deploy',
  footer: 'Cada aplicación, con su base de datos y su red propias.',
  licenses: 'Licencias',
};

const en: Strings = {
  language: 'Language',
  skip: 'Skip to the applications',
  heroTitle: 'Your own application, one click away.',
  heroLead:
    'Pick one, give it your name and watch it being prepared. You get a link to a copy that is yours alone.',
  heroFacts: ['Its own database', 'A private network', 'Nothing to install'],
  catalogue: 'Applications',
  loading: 'Loading the applications…',
  emptyTitle: 'No applications yet',
  emptyText: 'The first one will appear here as soon as it is published.',
  loadFailed: 'We could not load the applications',
  reload: 'Try again',
  retryIn: (s) => `You can try again in ${s} s.`,
  retryingIn: (s) => `We will try again by ourselves in ${s} s.`,
  deploy: 'Deploy',
  deployWhat: (p) => `Deploy ${p}`,
  nameLabel: 'Your name or your company’s',
  nameHint: 'You will know your application by it. 1 to 64 characters.',
  nameFault: {
    empty: 'Enter a name.',
    long: 'The name is too long: 64 characters fit.',
    unprintable: 'The name has characters that cannot be shown. Delete them or type it by hand.',
  },
  starting: 'Starting…',
  cancel: 'Cancel',
  close: 'Close',
  failure: {
    network: 'The server cannot be reached. Check your connection and try again.',
    quota:
      'The limit of deployments has been reached. Wait a moment, or ask whoever runs this service to free one.',
    unavailable: 'The service is not available right now. Try again in a moment.',
    denied: 'Deploying is not allowed from here. Ask whoever runs this service for access.',
    missing:
      'This application is no longer in the catalogue. Reload the page to see the current ones.',
    invalid: 'The server did not accept what was entered. Check it and try again.',
    server: 'Something failed on the server. Try again; if it goes on, tell whoever runs it.',
  },
  phase: {
    queued: 'In the queue',
    image: 'Fetch the application',
    network: 'Create the private network',
    volume: 'Set aside space for your data',
    database: 'Start the database',
    app: 'Start the application',
    health: 'Check that it answers',
    ready: 'Ready',
  },
  step: { done: 'done', current: 'under way', failed: 'failed', todo: 'to do' },
  progress: 'Deployment progress',
  elapsed: 'Time elapsed',
  deployingFor: (c) => `Preparing the application of ${c}`,
  goesOn:
    'You can close this window: the deployment goes on, and you will find it in “My applications”.',
  lost: 'The server cannot be reached. The deployment goes on there; we will look again as soon as it answers.',
  readyTitle: 'Your application is ready',
  readyFor: (c, time) => `For ${c}, in ${time}.`,
  availableUntil: (d) => `Available until ${d}`,
  neverExpires: 'Does not expire',
  credentials: 'Your sign-in details',
  credentialsKeep: 'Keep them: they are shown in this tab only.',
  credentialsForgotten:
    'Sign-in details are not kept when the page is reloaded. Ask whoever runs this service for them.',
  credentialsLoading: 'Loading your sign-in details…',
  credentialsDenied:
    'This tab can no longer see the sign-in details. Ask whoever runs this service for them.',
  credentialsFailed: 'We could not load your sign-in details.',
  showCredentials: 'Try again',
  copy: 'Copy',
  copyWhat: (l) => `Copy: ${l}`,
  copied: 'Copied',
  copyFailed: 'It could not be copied: select it and copy it by hand.',
  openApp: 'Open my application',
  newTab: 'opens in a new tab',
  failedTitle: 'The deployment did not finish',
  failedAt: (s) => `It stopped at this step: ${s}.`,
  failedNoReason: 'The server gave no reason.',
  failedClean: 'Nothing was left half done: you can try again.',
  tryAgain: 'Try again',
  goneTitle: 'This application no longer exists',
  goneText: 'It was removed from the server. You can deploy another one from the catalogue.',
  mine: 'My applications',
  mineHint: 'Remembered in this tab only.',
  stateRunning: 'Running',
  stateFailed: 'Failed',
  stateGone: 'Removed',
  seeProgress: (c) => `See the progress of ${c}`,
  seeDetails: (c) => `See the details of ${c}`,
  open: 'Open',
  openWhat: (c) => `Open ${c}`,
  forget: (c) => `Take ${c} off the list`,
  titlePending: (p) => `${p} · ARK Deploy`,
  titleReady: 'Ready · ARK Deploy',
  titleFailed: 'Failed · ARK Deploy',
  footer: 'Every application with its own database and its own network.',
  licenses: 'Licences',
};

export const STRINGS: Record<Lang, Strings> = { es, en };
