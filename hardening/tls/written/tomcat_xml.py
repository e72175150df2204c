"""tls/tomcat.xml.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 3784288152
INCLUDES = ('tls/_header.j2',)


def made(environment, runtime):
    Undefined = runtime['Undefined']
    missing = runtime['missing']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_host = resolve('host')
        l_0_params = resolve('params')
        l_0_connector = resolve('connector')
        l_0_nested = resolve('nested')
        l_0_certificate = resolve('certificate')
        l_0_key = resolve('key')
        l_0_java = resolve('java')
        l_0_alone = resolve('alone')
        l_0_keystore = resolve('keystore')
        l_0_flat = resolve('flat')
        pass
        yield '<!--\n'
        template = environment.get_template('tls/_header.j2', 'tls/tomcat.xml.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        yield '-->\n'
        if (undefined(name='host') if l_0_host is missing else l_0_host):
            pass
            if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
                pass
                yield '<Connector '
                yield str((undefined(name='connector') if l_0_connector is missing else l_0_connector))
                yield '>\n  <SSLHostConfig '
                yield str((undefined(name='nested') if l_0_nested is missing else l_0_nested))
                yield '>\n'
                if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'):
                    pass
                    yield '    <Certificate certificateFile='
                    yield str((undefined(name='certificate') if l_0_certificate is missing else l_0_certificate))
                    yield '\n                 certificateKeyFile='
                    yield str((undefined(name='key') if l_0_key is missing else l_0_key))
                    yield ' />\n'
                yield '  </SSLHostConfig>\n</Connector>\n'
            elif (not (undefined(name='java') if l_0_java is missing else l_0_java)):
                pass
                yield '<Connector '
                yield str((undefined(name='connector') if l_0_connector is missing else l_0_connector))
                yield '>\n  <SSLHostConfig '
                yield str((undefined(name='nested') if l_0_nested is missing else l_0_nested))
                yield ' />\n</Connector>\n'
            else:
                pass
                yield '<SSLHostConfig '
                yield str((undefined(name='alone') if l_0_alone is missing else l_0_alone))
                yield ' />\n'
        else:
            pass
            yield '<Connector '
            yield str((undefined(name='connector') if l_0_connector is missing else l_0_connector))
            yield '\n'
            if (environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate') and (not (undefined(name='java') if l_0_java is missing else l_0_java))):
                pass
                yield '           SSLCertificateFile='
                yield str((undefined(name='certificate') if l_0_certificate is missing else l_0_certificate))
                yield '\n           SSLCertificateKeyFile='
                yield str((undefined(name='key') if l_0_key is missing else l_0_key))
                yield '\n'
            elif environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'keystore'):
                pass
                yield '           keystoreFile='
                yield str((undefined(name='keystore') if l_0_keystore is missing else l_0_keystore))
                yield '\n           keystorePass="${harden.keystore.password}"\n'
            yield '           '
            yield str((undefined(name='flat') if l_0_flat is missing else l_0_flat))
            yield ' />\n'

    return root
