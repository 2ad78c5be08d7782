import type { Topology } from '../shared/topology.ts';
import type { ConsumerQueue } from './consumer-queue.ts';
import type { ConsumerRole } from './consumer-role.ts';
import type { ControlBucket } from './control-bucket.ts';
import type { ExchangeBus } from './exchange-bus.ts';
import type { KeyRotation } from './key-rotation.ts';
import type { PayloadBucket } from './payload-bucket.ts';
import type { ProducerRole } from './producer-role.ts';
import type { ReplayRole } from './replay-role.ts';
import type { RevokerRole } from './revoker-role.ts';
import type { Sweeper } from './sweeper.ts';
import type { UploadPage } from './upload-page.ts';
import type { UploadService } from './upload-service.ts';
import type { UrlService } from './url-service.ts';

/** What an exchange is made of. */
export interface ExchangeParts {
  readonly topology: Topology;
  readonly payloads: PayloadBucket;
  readonly control: ControlBucket;
  readonly bus: ExchangeBus;
  readonly urlService: UrlService;
  readonly rotation: KeyRotation;
  readonly uploads: UploadService | undefined;
  readonly uploadPage: UploadPage | undefined;
  readonly sweeper: Sweeper | undefined;
  readonly producers: ReadonlyMap<string, ProducerRole>;
  readonly consumers: ReadonlyMap<string, { readonly queue: ConsumerQueue; readonly role: ConsumerRole }>;
  readonly replay: ReplayRole;
  readonly revoker: RevokerRole;
}
