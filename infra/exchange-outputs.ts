import { CfnOutput, type Stack } from 'aws-cdk-lib';
import { deliveryTimesOf } from '../shared/topology.ts';
import type { ExchangeParts } from './exchange-parts.ts';
import { controlJson, storesJson } from './stores-json.ts';
import type { PartnerAccess } from './url-service.ts';

/** Says what `.env` of producers and consumers needs, and what operators look for. */
export function addOutputs(exchange: Stack & ExchangeParts, partners: PartnerAccess | undefined): void {
  const output = (id: string, value: string, description: string): CfnOutput =>
    new CfnOutput(exchange, id, { value, description });
  output('Stores', storesJson(exchange.payloads), 'WAYBILL_STORES');
  output('ControlStore', controlJson(exchange.control), 'WAYBILL_CONTROL');
  output('BusName', exchange.bus.busName, 'WAYBILL_BUS');
  output(
    'Delivery',
    exchange.toJsonString(deliveryTimesOf(exchange.topology)),
    'WAYBILL_DELIVERY of producers',
  );
  output('UrlServiceUrl', exchange.urlService.url.url, 'WAYBILL_URL_SERVICE');
  if (partners !== undefined)
    output('PartnerUrl', exchange.urlService.addPartners(partners), 'WAYBILL_URL_SERVICE for partners');
  for (const [name, { role }] of exchange.producers)
    output(`ProducerRole${plain(name)}`, role.roleArn, `Role of the producer ${name}`);
  for (const [name, { queue, role }] of exchange.consumers) {
    output(`ConsumerRole${plain(name)}`, role.role.roleArn, `Role of the consumer ${name}`);
    output(`Queue${plain(name)}`, queue.queue.queueUrl, `WAYBILL_QUEUE of the consumer ${name}`);
  }
  if (exchange.uploads !== undefined)
    output('UploadServiceUrl', exchange.uploads.url, 'WAYBILL_UPLOADS: what browsers and partners call');
  if (exchange.uploadPage !== undefined) {
    output(
      'UploadPageUrl',
      exchange.uploadPage.url,
      'The upload page; also its redirect URI, to be registered',
    );
    output(
      'UploadPageTarget',
      exchange.uploadPage.distribution.distributionDomainName,
      'Where a name of your own for the upload page shall lead',
    );
  }
  output('ReplayRole', exchange.replay.role.roleArn, 'Role for replay and redrive');
  output('RevokerRole', exchange.revoker.role.roleArn, 'Role for revoking and erasing');
}

/** A name as output ids may hold it. */
function plain(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9]/g, '');
}
